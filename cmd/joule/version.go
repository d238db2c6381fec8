package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/internal/program"
	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"
)

func (a *app) versionCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version and what the program runs on",
		Long: `Print the version of this program, the Go release it was built with, the system
and the kernels that it computes with here. --verbose adds why it is these
kernels, the processor and what it offers.`,
		Example: "  joule version\n  joule version --verbose\n  JOULE_KERNEL=generic joule version",
		Args:    atMost(0),
		RunE: func(*cobra.Command, []string) error {
			text := fmt.Sprintf("joule %s\n%s %s/%s\nkernels %s\n",
				program.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Name())
			if verbose {
				features := strings.Join(processorFeatures(), " ")
				if features == "" {
					features = "none known"
				}
				text += fmt.Sprintf("because %s\nprocessor %s\nfeatures %s\ncores %d, in use %d\n",
					kernelReason(kernel.Name(), runtime.GOARCH, a.env(envKernel), buildTags()), processor(), features,
					runtime.NumCPU(), runtime.GOMAXPROCS(0))
			}
			_, err := fmt.Fprint(a.out(), text)
			return err
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "say why these kernels, and what the processor offers")
	return cmd
}

// kernelReason says why the kernels of this name are in use.
func kernelReason(name, arch, asked string, tags []string) string {
	switch {
	case name == asked && name != "generic":
		return envKernel + "=" + asked + " asks for them"
	case name != "generic":
		return "they are the fastest that the processor has"
	case slices.Contains(tags, "purego"):
		return "the program was built with the tag purego"
	case arch != "amd64" && arch != "arm64":
		return "there are no others for " + arch
	case asked == "generic":
		return envKernel + "=generic asks for them"
	}
	return "the processor does not have both AVX2 and FMA"
}

// buildTags returns the tags that the program was built with.
func buildTags() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return strings.Split(s.Value, ",")
		}
	}
	return nil
}

// processorFeatures lists what the processor and the system offer of that
// which matters to kernels.
func processorFeatures() []string {
	var names []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"sse4.1", cpu.X86.HasSSE41},
		{"avx", cpu.X86.HasAVX},
		{"avx2", cpu.X86.HasAVX2},
		{"fma", cpu.X86.HasFMA},
		{"avx512f", cpu.X86.HasAVX512F},
		{"avx512vl", cpu.X86.HasAVX512VL},
		{"avx512dq", cpu.X86.HasAVX512DQ},
		{"asimd", cpu.ARM64.HasASIMD},
		{"sve", cpu.ARM64.HasSVE},
	} {
		if f.has {
			names = append(names, f.name)
		}
	}
	return names
}
