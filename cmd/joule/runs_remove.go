package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/run"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (a *app) removeRunsCommand(dir *string) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm RUN...",
		Short: "Remove runs",
		Long: `Remove what Joule wrote into the folders of runs, and the folders. On a terminal
it asks first; elsewhere it wants --yes. Files that Joule did not write are named
and stay.

RUN is the folder of one run, version_N: a name alone is not enough. What is no
run, is being trained in, or is a symbolic link is refused, and then nothing at
all is removed. Links inside of a run are not followed.`,
		Example: `  joule runs rm mnist/version_0
  joule runs rm --yes runs/mnist/version_0 runs/mnist/version_1`,
		RunE: a.withRunDir(func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no run is named", "see " + cmd.CommandPath() + " --help"}
			}
			return a.removeRuns(cmd.Context(), *dir, args, yes)
		}),
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// A doomed run is to be removed, but for what is foreign in it.
type doomed struct {
	run     *run.Run
	files   int
	size    int64 // of the files
	foreign []string
}

// doomedRuns returns the runs that args name, by their paths or within dir, each
// once.
func doomedRuns(dir string, args []string) ([]doomed, error) {
	var list []doomed
	seen := map[string]bool{}
	for _, arg := range args {
		path := arg
		if _, err := os.Lstat(path); err != nil {
			if below := filepath.Join(dir, arg); exists(below) {
				path = below
			}
		}
		folder, err := run.Removable(path)
		if err != nil {
			return nil, err
		}
		abs, err := filepath.Abs(folder.Dir)
		if err != nil {
			return nil, err
		}
		if seen[abs] {
			continue
		}
		seen[abs] = true
		files, _, err := folder.Files()
		if err != nil {
			return nil, err
		}
		d := doomed{run: folder}
		for _, f := range files {
			if f.Own {
				d.files++
				d.size += f.Size
			} else {
				d.foreign = append(d.foreign, f.Path)
			}
		}
		list = append(list, d)
	}
	return list, nil
}

func (a *app) removeRuns(ctx context.Context, dir string, args []string, yes bool) error {
	list, err := doomedRuns(dir, args)
	if err != nil {
		return err
	}
	if !yes {
		total := int64(0)
		for _, d := range list {
			total += d.size
			a.screen.line("%s: %s, %s", printable(d.run.Dir), plural(d.files, "file"), bytesText(d.size))
		}
		ok, err := a.confirm(ctx, fmt.Sprintf("remove %s, %s?", plural(len(list), "run"), bytesText(total)))
		if err != nil {
			return err
		}
		if !ok {
			a.screen.line("nothing was removed")
			return exit(exitFailure)
		}
	}
	for _, d := range list {
		if err := d.run.Remove(); err != nil {
			return err
		}
		a.screen.line("removed %s: %s freed", printable(d.run.Dir), bytesText(d.size))
		if n := len(d.foreign); n > 0 {
			a.screen.line("%s in it, not by Joule, kept: %s", plural(n, "file"), foreignText(d.foreign))
		}
	}
	return nil
}

// foreignText names the first of some files.
func foreignText(files []string) string {
	const most = 5
	text := printable(strings.Join(files[:min(most, len(files))], ", "))
	if n := len(files); n > most {
		text += fmt.Sprintf(" and %s more", thousands(int64(n-most)))
	}
	return text
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil || !os.IsNotExist(err)
}

// confirm asks on the terminal; nothing but y or yes is a yes.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return false, &usageError{"standard input is no terminal to ask on", "--yes removes without asking"}
	}
	fmt.Fprintf(a.screen, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // is left behind when the user presses Ctrl-C
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case text := <-answer:
		return text == "y" || text == "yes", nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
