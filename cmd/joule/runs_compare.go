package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
)

// maxCompared is how many curves a panel can show so that one finds one's way,
// and how many columns of a table.
const maxCompared = 8

func (a *app) compareRunsCommand(dir *string) *cobra.Command {
	var asJSON bool
	var out string
	cmd := &cobra.Command{
		Use:   "compare RUN RUN...",
		Short: "Compare runs: metrics, settings and curves",
		Long: `Compare runs side by side: how far they have come, their metrics, and the
settings in which they differ. A metric is its mean over its last epoch. -o
draws the validation and the loss of all of them into one picture.

--json prints an object with the keys
  runs          as joule runs list has them, each with "metrics" and "model" as
                joule runs show has them
  differences   the settings that are not the same in all, each an array with
                a value for every run; null where a run's settings are not
                known`,
		Example: `  joule runs compare mnist/version_0 mnist/version_1
  joule runs compare runs/mnist/version_* -o curves.png
  joule runs compare mnist fashion --json | jq .differences`,
		RunE: a.withRunDir(func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > maxCompared {
				return &usageError{fmt.Sprintf("%s to compare, not 2 to %d", plural(len(args), "run"), maxCompared), "see " + cmd.CommandPath() + " --help"}
			}
			if err := checkEnding("-o", out, "a PNG", "name a .png file", ".png"); err != nil {
				return err
			}
			var runs []*run.Info
			seen := map[string]bool{}
			for _, arg := range args {
				folder, err := findRun(*dir, arg)
				if err != nil {
					return err
				}
				if seen[folder.Dir] {
					return &usageError{folder.Dir + " is named twice", "name different runs"}
				}
				seen[folder.Dir] = true
				runs = append(runs, folder.Info())
			}
			return a.compareRuns(runs, out, asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the comparison as JSON")
	cmd.Flags().StringVarP(&out, "output", "o", "", "draw the curves into this PNG file")
	return cmd
}

type comparedJSON struct {
	runJSON
	Metrics map[string]metricJSON `json:"metrics"`
	Model   *modelJSON            `json:"model"`
}

// differences returns the settings that are not the same in all runs, in
// order, with a value for each run; nil where it is not known.
func differences(runs []*run.Info) (keys []string, values map[string][]*setting.Setting) {
	values = map[string][]*setting.Setting{}
	for k, i := range runs {
		if i.Config == nil {
			continue
		}
		for _, s := range i.Config.Settings() {
			if values[s.Key] == nil {
				values[s.Key] = make([]*setting.Setting, len(runs))
				keys = append(keys, s.Key)
			}
			values[s.Key][k] = &s
		}
	}
	kept := keys[:0]
	for _, key := range keys {
		var first *setting.Setting
		differ := false
		for _, s := range values[key] {
			if first == nil {
				first = s
			}
			differ = differ || s != nil && s.String() != first.String()
		}
		if differ {
			kept = append(kept, key)
		} else {
			delete(values, key)
		}
	}
	return kept, values
}

func (a *app) compareRuns(runs []*run.Info, out string, asJSON bool) error {
	if out != "" {
		if err := writable(out); err != nil {
			return err
		}
	}
	models := make([]*modelJSON, len(runs))
	for k, i := range runs {
		models[k] = modelOf(i)
	}
	keys, values := differences(runs)
	var err error
	if asJSON {
		j := struct {
			Runs        []comparedJSON                `json:"runs"`
			Differences map[string][]*setting.Setting `json:"differences"`
		}{Differences: values}
		for k, i := range runs {
			j.Runs = append(j.Runs, comparedJSON{newRunJSON(i), metricsJSON(i.Metrics), models[k]})
		}
		err = a.printJSON(j)
	} else {
		err = a.printComparison(runs, models, keys, values)
		a.tellFaults(runs...)
	}
	if err != nil || out == "" {
		return err
	}
	err = atomicfile.Write(out, func(w io.Writer) error { return drawComparison(w, runs, keys, values) })
	if err == nil {
		a.screen.line("wrote %s", printable(out))
	}
	return err
}

func (a *app) printComparison(runs []*run.Info, models []*modelJSON, keys []string, values map[string][]*setting.Setting) error {
	return printColumns(a.out(), func(w io.Writer) {
		row := func(name string, cell func(k int, i *run.Info) string) {
			fmt.Fprint(w, name)
			for k, i := range runs {
				fmt.Fprint(w, "\t"+cell(k, i))
			}
			fmt.Fprintln(w)
		}
		names := runNames(runs)
		row("RUN", func(k int, _ *run.Info) string { return names[k] })
		row("state", func(_ int, i *run.Info) string { return stateText(i) })
		row("epochs", func(_ int, i *run.Info) string { return epochsText(i) })
		row("steps", func(_ int, i *run.Info) string { return thousands(int64(i.Steps)) })
		ofModel := func(text func(m *modelJSON) string) func(int, *run.Info) string {
			return func(k int, _ *run.Info) string {
				if models[k] == nil {
					return unknown
				}
				return text(models[k])
			}
		}
		row("parameters", ofModel(func(m *modelJSON) string { return thousands(int64(m.Parameters)) }))
		row("model hash", ofModel(func(m *modelJSON) string { return m.Hash }))
		row("best val_contrastive_divergence", func(_ int, i *run.Info) string { return metricText(i.Best) })
		for _, name := range metricNames(runs) {
			row(printable(name), func(_ int, i *run.Info) string {
				for _, s := range i.Metrics {
					if s.Name == name {
						return metricText(s.Mean)
					}
				}
				return unknown
			})
		}
		fmt.Fprintln(w, strings.Repeat("\t", len(runs)))
		if len(keys) == 0 {
			fmt.Fprintln(w, "The settings are the same.")
			return
		}
		row("SETTING", func(k int, _ *run.Info) string { return names[k] })
		for _, key := range keys {
			cells := make([][]string, len(runs))
			for k, s := range values[key] {
				cells[k] = []string{unknown}
				if s != nil {
					cells[k] = settingLines(*s)
				}
			}
			printSetting(w, key, cells...)
		}
	})
}

// metricNames lists the metrics that at least one run has values of, in the
// order of the files.
func metricNames(runs []*run.Info) (names []string) {
	seen := map[string]bool{}
	for _, i := range runs {
		for _, s := range i.Metrics {
			if s.N > 0 && !seen[s.Name] {
				seen[s.Name] = true
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// runNames returns the shortest names that tell the runs apart: version_N,
// name/version_N or the paths.
func runNames(runs []*run.Info) []string {
	names := make([]string, len(runs))
	for _, name := range []func(i *run.Info) string{
		func(i *run.Info) string { return fmt.Sprintf("version_%d", i.Version) },
		func(i *run.Info) string { return fmt.Sprintf("%s/version_%d", i.Name, i.Version) },
		func(i *run.Info) string { return filepath.ToSlash(i.Run.Dir) },
	} {
		seen := map[string]bool{}
		for k, i := range runs {
			names[k] = printable(name(i))
			seen[names[k]] = true
		}
		if len(seen) == len(runs) {
			break
		}
	}
	return names
}

// drawComparison draws the validation and the loss of the runs, a curve each.
func drawComparison(w io.Writer, runs []*run.Info, keys []string, values map[string][]*setting.Setting) error {
	panels := []grid.Panel{
		{Title: "Validation: val_contrastive_divergence", YLabel: "E(real) − E(noise)"},
		{Title: "Training: loss", YLabel: "loss", Smooth: true},
	}
	names := runNames(runs)
	var paths []string
	for k, i := range runs {
		if len(keys) <= 2 { // what tells the runs apart
			for _, key := range keys {
				if s := values[key][k]; s != nil && len(settingLines(*s)) == 1 { // a list is too long
					names[k] += fmt.Sprintf(", %s %s", key[strings.LastIndexByte(key, '.')+1:], s)
				}
			}
		}
		paths = append(paths, i.Run.Dir)
		table := &metric.Table{}
		if len(i.Metrics) > 0 { // else there is a fault, which is told
			var err error
			if table, err = metric.Read(i.Run.MetricsPath()); err != nil {
				return err
			}
		}
		for p, tag := range []string{"val_contrastive_divergence", "loss"} {
			s := table.Get(tag)
			c := grid.Series{Name: names[k], X: make([]float64, len(s.Step)), Y: s.Value}
			for j, step := range s.Step {
				c.X[j] = float64(step)
			}
			panels[p].Series = append(panels[p].Series, c)
		}
	}
	return grid.Curves(w, panels, []grid.Text{
		{Key: "Software", Value: "joule " + program.Version()},
		{Key: "joule:runs", Value: strings.ReplaceAll(strings.ToValidUTF8(strings.Join(paths, "\n"), "\ufffd"), "\x00", "")},
	})
}
