package main

import (
	"fmt"
	"runtime"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version and what the program runs on",
		Long:    "Print the version of this program, the Go release it was built with, the system\nand the kernels that it computes with here.",
		Example: "  joule version\n  JOULE_KERNEL=generic joule version",
		Args:    atMost(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.stdout, "joule %s\n%s %s/%s\nkernels %s\n",
				joule.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Name())
			return err
		},
	}
}
