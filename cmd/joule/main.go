// Command joule trains energy-based models of images and draws samples from
// them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/exchange"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitDiverged    = 3
	exitData        = 4
	exitMemory      = 5
	exitInterrupted = 130 // as a shell reports a program that SIGINT ended
	exitPipe        = 141 // and one that SIGPIPE ended
)

// exitCodes say what they mean, for the help, the manual pages and
// docs/errors.md.
var exitCodes = []struct {
	code  int
	means string
}{
	{0, "done"},
	{exitFailure, "failure"},
	{exitUsage, "wrong usage or settings"},
	{exitDiverged, "the training diverged"},
	{exitData, "the data is missing or damaged"},
	{exitMemory, "there is too little memory"},
	{exitInterrupted, "interrupted; a training is saved"},
	{exitPipe, "nobody reads standard output"},
}

// exitText lists the exit codes in lines of a help text.
func exitText() string {
	text, width := "Exit codes:", len("Exit codes:")
	for i, e := range exitCodes {
		part := fmt.Sprintf("%d %s", e.code, e.means)
		part += string(",."[min(i/(len(exitCodes)-1), 1)])
		for _, word := range strings.Fields(part) {
			if width+1+len(word) > 80 {
				text, width = text+"\n"+word, len(word)
				continue
			}
			text, width = text+" "+word, width+1+len(word)
		}
	}
	return text
}

func main() {
	// Nearly all memory is the data set and the replay buffer, which live
	// long, and steps allocate next to nothing: collecting often costs
	// nothing, and the peak stays near what is in use.
	a := newApp()
	if os.Getenv("GOGC") == "" {
		a.collect = func(percent int) { debug.SetGCPercent(percent) }
		a.collect(15)
	}
	os.Exit(a.run(os.Args[1:]))
}

// An app is what the commands share: where they print, what they are told by
// the environment, and how they get data.
type app struct {
	stdout  io.Writer
	screen  *screen // stderr
	environ []string
	memory  func() (free int64, ok bool) // nil where it is not known
	collect func(percent int)            // says how much garbage there may be; nil where that stays as it is
	open    func(ctx context.Context, name string, opt dataset.Options) (train, test *dataset.Set, err error)

	self func() (path string, err error) // this program's file; nil where it must not start itself

	published func(name string) (p exchange.Published, ok bool)
	client    *http.Client // for published models; nil for the usual one

	saving atomic.Bool // a training is going on, which a stop must save
}

func newApp() *app {
	a := &app{stdout: os.Stdout, environ: os.Environ(), memory: availableMemory, open: dataset.Open, self: os.Executable, published: exchange.FindPublished}
	a.screen = newScreen(os.Stderr, a.env)
	return a
}

// kernels are those that JOULE_KERNEL may ask for, where the processor has
// what they need.
var kernels = []string{"generic", "avx2", "avx512", "neon"}

// env returns the value of an environment variable, "" if it is not set.
func (a *app) env(name string) string {
	value := ""
	for _, line := range a.environ {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value = v // the last one counts, as in os/exec
		}
	}
	return value
}

// run executes a command line and returns the exit code.
func (a *app) run(args []string) int {
	ctx, stop := a.interruptible()
	defer stop()
	if k := a.env(envKernel); k != "" && !slices.Contains(kernels, k) {
		return a.report(ctx, &usageError{fmt.Sprintf("%s: %q is none of %s", envKernel, k, strings.Join(kernels, ", ")), "unset it: the fastest kernels that the processor has are then used"})
	}
	root := a.rootCommand()
	root.SetArgs(args)
	out := &textWriter{w: a.stdout, escape: appendVisible}
	root.SetOut(out)
	root.SetErr(a.screen)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.err // of a help text, whose errors cobra drops
	}
	return a.report(ctx, err)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "joule",
		Short: "Train energy-based models of images and draw samples from them",
		Long: `Joule trains energy-based models of images and draws samples from them.

An energy-based model gives every image a number, its energy: low for likely
images. Joule learns the energy of a data set by contrastive divergence and
draws new images by Langevin dynamics, walking from noise to low energy.

` + exitText(),
		Example: `  joule train              train on MNIST with the default settings
  joule sample             draw 64 digits from the newest run into samples.png`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.Version = program.Version()
	root.SetVersionTemplate("joule {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.AddCommand(
		a.trainCommand(),
		a.sweepCommand(),
		a.sampleCommand(),
		a.scoreCommand(),
		a.evalCommand(),
		a.showCommand(),
		a.exportCommand(),
		a.importCommand(),
		a.runsCommand(),
		a.recipesCommand(),
		a.modelsCommand(),
		a.reproduceCommand(),
		a.dataCommand(),
		a.benchCommand(),
		a.versionCommand(),
		a.completionCommand(),
		a.manCommand(),
	)
	a.addCompletions(root)
	return root
}

// A usageError is a command line that asks for something impossible.
type usageError struct{ fault, hint string }

func (e *usageError) Error() string { return e.fault }

// Remedy says how to ask for something possible.
func (e *usageError) Remedy() string { return e.hint }

func unknownCommand(cmd *cobra.Command, arg string) error {
	hint := "see " + cmd.CommandPath() + " --help"
	if near := nearCommand(cmd, arg); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &usageError{fmt.Sprintf("unknown command %q", cmd.CommandPath()+" "+arg), hint}
}

// atMost returns a check for no more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			hint := "see " + cmd.CommandPath() + " --help"
			if cmd.Flags().Lookup("data") != nil {
				hint = "a data set or a folder of images is named with --data"
			}
			return &usageError{fmt.Sprintf("unexpected argument %q", args[n]), hint}
		}
		return nil
	}
}

// An exit is the end of a command that has said all there is to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// report prints an error as a line on the fault and a line on how to mend it,
// and returns the exit code for it.
func (a *app) report(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	var code exit
	if errors.As(err, &code) {
		return int(code)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		a.screen.line("joule: interrupted")
		return exitInterrupted
	}
	if nobodyReads(err) {
		return exitPipe
	}
	a.screen.line("joule: %s", oneLine(err.Error()))
	hint := hintOf(err)
	switch {
	case hint != "":
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "free some space on the disk, or write to another one"
	case errors.Is(err, syscall.EROFS):
		hint = "write to another disk: this one can only be read"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		hint = "close other programs, or let more files be open with ulimit -n"
	case errors.Is(err, fs.ErrPermission):
		hint = "look at the permissions of the file and of its folder"
	}
	if hint != "" {
		a.screen.line("hint: %s", oneLine(hint))
	}
	return codeOf(err)
}

// oneLine keeps an error of several lines, such as several errors joined, on
// one.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")), " ")
}

func codeOf(err error) int {
	var (
		usage    *usageError
		config   *setting.Error
		diverged *joule.DivergedError
		bad      *engine.NonFiniteError
		data     *dataset.Error
		memory   *memoryError
	)
	switch {
	case errors.As(err, &usage), errors.As(err, &config):
		return exitUsage
	case errors.As(err, &diverged), errors.As(err, &bad):
		return exitDiverged
	case errors.As(err, &data):
		return exitData
	case errors.As(err, &memory):
		return exitMemory
	}
	return exitFailure
}

// hintOf returns what the outermost error that knows a remedy says.
func hintOf(err error) string {
	if e, ok := err.(interface{ Remedy() string }); ok {
		if hint := e.Remedy(); hint != "" {
			return hint
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return hintOf(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if hint := hintOf(inner); hint != "" {
				return hint
			}
		}
	}
	return ""
}
