package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
)

func (a *app) runsCommand() *cobra.Command {
	runs := &cobra.Command{
		Use:   "runs",
		Short: "List, show, compare and remove runs",
		Long: `Look after the folders that joule train leaves, runs/<name>/version_N.

RUN is such a folder, as a path or below --run-dir, or the folder of a name, of
which the newest run is taken: runs/mnist/version_0, mnist/version_0, mnist.

A run is running while a process trains in it, finished when all of its epochs
are done, interrupted when it can be resumed, and broken when there is nothing
to resume from. Damaged files are reported and do not keep the rest from being
shown.`,
		Example: `  joule runs list
  joule runs show mnist
  joule runs compare mnist/version_0 mnist/version_1 -o curves.png
  joule runs rm mnist/version_0`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	var dir string
	runs.PersistentFlags().StringVar(&dir, "run-dir", "runs", "folder of all runs (JOULE_RUN_DIR)")
	runs.AddCommand(a.listRunsCommand(&dir), a.showRunCommand(&dir), a.compareRunsCommand(&dir), a.removeRunsCommand(&dir))
	return runs
}

// withRunDir lets a command take --run-dir from the environment.
func (a *app) withRunDir(folder func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a.fromEnv(cmd.Flags(), map[string]string{"run-dir": envRunDir}); err != nil {
			return err
		}
		return folder(cmd, args)
	}
}

// A number is a float64 in JSON: null if it is not known, and where it is
// infinite a string, as in metrics.jsonl.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	switch v := float64(n); {
	case math.IsNaN(v):
		return []byte("null"), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	}
	return json.Marshal(float64(n))
}

// A runJSON is a run as --json prints it. The keys stay.
type runJSON struct {
	Path       string     `json:"path"`
	PathBytes  []byte     `json:"path_base64,omitempty"`
	Name       string     `json:"name"`
	Version    int        `json:"version"`
	State      string     `json:"state"`
	Data       *string    `json:"data"`
	Epochs     *int       `json:"epochs"`
	EpochsDone int        `json:"epochs_done"`
	Steps      int        `json:"steps"`
	Best       number     `json:"best_val_contrastive_divergence"`
	Last       number     `json:"last_val_contrastive_divergence"`
	Speed      number     `json:"image_gradients_per_second"`
	Updated    *time.Time `json:"updated"`
	Faults     []string   `json:"faults"`
}

func newRunJSON(i *run.Info) runJSON {
	j := runJSON{
		Path: i.Run.Dir, PathBytes: rawPath(i.Run.Dir), Name: i.Name, Version: i.Version, State: string(i.State),
		EpochsDone: i.Epochs, Steps: i.Steps,
		Best: number(i.Best), Last: number(i.Last), Speed: number(i.Speed), Faults: []string{},
	}
	if c := i.Config; c != nil {
		j.Data, j.Epochs = &c.Data, &c.Epochs
	}
	if !i.Updated.IsZero() {
		t := i.Updated.UTC().Truncate(time.Second)
		j.Updated = &t
	}
	for _, err := range i.Faults {
		j.Faults = append(j.Faults, oneLine(err.Error()))
	}
	return j
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.jsonOut())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

const runKeys = `path (with path_base64, its bytes, where it is not
UTF-8), name, version, state, data, epochs (asked for), epochs_done, steps,
best_val_contrastive_divergence, last_val_contrastive_divergence,
image_gradients_per_second (the median), updated and faults`

func (a *app) listRunsCommand(dir *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [NAME]...",
		Short: "Show the runs and how far they have come",
		Long: `Show the runs below --run-dir, or those of the names, and how far they have
come. VAL BEST and VAL LAST are val_contrastive_divergence where it was lowest and
after the last epoch, SPEED is the median of the image-gradients a second.

--json prints an array of objects with the keys ` + runKeys + `;
what is not known is null.`,
		Example: `  joule runs list
  joule runs list mnist
  joule runs list --json | jq -r '.[] | select(.state == "interrupted") | .path'`,
		RunE: a.withRunDir(func(cmd *cobra.Command, args []string) error {
			return a.listRuns(*dir, args, asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the runs as JSON")
	return cmd
}

func (a *app) listRuns(dir string, names []string, asJSON bool) error {
	all, err := run.List(dir)
	if err != nil {
		return err
	}
	runs := make([]*run.Info, 0, len(all))
	for _, name := range names {
		if !slices.ContainsFunc(all, func(i *run.Info) bool { return i.Name == name }) {
			e := &run.Error{Path: dir, Fault: "no run is named " + strconv.Quote(name), Hint: "joule runs list shows all of them"}
			if near := setting.Nearest(name, foldersIn(dir)); near != "" {
				e.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			return e
		}
	}
	for _, i := range all {
		if len(names) == 0 || slices.Contains(names, i.Name) {
			runs = append(runs, i)
		}
	}
	if asJSON {
		list := make([]runJSON, len(runs))
		for k, i := range runs {
			list[k] = newRunJSON(i)
		}
		return a.printJSON(list)
	}
	if len(runs) == 0 {
		a.screen.line("no runs in %s; joule train makes one", printable(dir))
		return nil
	}
	err = printColumns(a.out(), func(w io.Writer) {
		fmt.Fprintln(w, "RUN\tSTATE\tDATA\tEPOCHS\tSTEPS\tVAL BEST\tVAL LAST\tSPEED\tUPDATED")
		for _, i := range runs {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(i.Run.Dir), stateText(i), dataText(i), epochsText(i),
				thousands(int64(i.Steps)), divergenceText(i.Best), divergenceText(i.Last), speedText(i.Speed), timeText(i.Updated))
		}
	})
	if err == nil {
		a.tellFaults(runs...)
	}
	return err
}

// tellFaults tells what is wrong with runs that were shown as far as they go.
func (a *app) tellFaults(runs ...*run.Info) {
	for _, i := range runs {
		for _, err := range i.Faults {
			a.screen.line("note: %s", printable(oneLine(err.Error())))
		}
	}
}

// printColumns prints what write puts into columns, without blanks at the
// ends of lines.
func printColumns(out io.Writer, write func(w io.Writer)) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	write(w)
	w.Flush()
	return printTrimmed(out, text.String())
}

// printTrimmed prints lines without the blanks at their ends.
func printTrimmed(out io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// settingLines returns a setting's value for a cell of a table, a list an item
// a line.
func settingLines(s setting.Setting) []string {
	if texts, ok := s.Value.(setting.Texts); ok && len(texts.Texts()) > 0 {
		return texts.Texts()
	}
	return []string{s.String()}
}

// printSetting prints a row of a table whose cells may have several lines.
func printSetting(w io.Writer, key string, cells ...[]string) {
	lines := 0
	for _, cell := range cells {
		lines = max(lines, len(cell))
	}
	for line := range lines {
		fmt.Fprint(w, key)
		key = ""
		for _, cell := range cells {
			text := ""
			if line < len(cell) {
				text = cell[line]
			}
			fmt.Fprint(w, "\t"+text)
		}
		fmt.Fprintln(w)
	}
}

// unknown stands in tables where a number is not known.
const unknown = "–"

func stateText(i *run.Info) string {
	if len(i.Faults) > 0 && i.State != run.Broken {
		return string(i.State) + ", damaged"
	}
	return string(i.State)
}

func dataText(i *run.Info) string {
	if i.Config == nil {
		return unknown
	}
	return i.Config.Data
}

func epochsText(i *run.Info) string {
	if i.Config == nil {
		return strconv.Itoa(i.Epochs)
	}
	return fmt.Sprintf("%d/%d", i.Epochs, i.Config.Epochs)
}

func divergenceText(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	return fmt.Sprintf("%+.4f", v)
}

func speedText(v float64) string {
	if !(v >= 0 && v < 1e15) {
		return unknown
	}
	return thousands(int64(v + 0.5))
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return t.Local().Format("2006-01-02 15:04")
}

// rawPath returns the bytes of a path that is not UTF-8, and so cannot be written as
// text of JSON, and nil for others. They are printed in base64.
func rawPath(path string) []byte {
	if utf8.ValidString(path) {
		return nil
	}
	return []byte(path)
}

// findRun returns the run that an argument means: a path, or one below dir.
func findRun(dir, arg string) (*run.Run, error) {
	for _, path := range []string{arg, filepath.Join(dir, arg)} {
		st, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && st.IsDir() && strings.HasPrefix(filepath.Base(path), "version_") {
			return &run.Run{Dir: filepath.Clean(path)}, nil // also one with nothing in it that can be opened
		}
		return run.Open(path)
	}
	return nil, noSuchRun(arg, dir, nil, &run.Error{Path: arg, Fault: "no such run", Err: fs.ErrNotExist, Hint: "joule runs list shows all of them"})
}
