package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
)

func (a *app) showRunCommand(dir *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [RUN]",
		Short: "Show a run: settings, metrics, model and files",
		Long: `Show a run: the settings that differ from the defaults, its metrics, its model
and its files. Without RUN, the newest one.

Of each metric, MEAN is that over its last epoch, and LOWEST was first reached
at step AT. Values that are not finite count in LAST alone.

--json prints an object with the keys of joule runs list and besides
  config    every setting
  changed   those that differ from the defaults, each {"value", "default"}
  metrics   each {"values", "not_finite", "epoch", "step", "last", "mean",
            "median", "min", "min_step", "max"}
  model     {"path", "parameters", "hash"}, or null
  files     each {"path", "bytes", "link", "own"}; own is false for
            files that Joule did not write; bytes is their sum`,
		Example: `  joule runs show
  joule runs show mnist/version_0
  joule runs show mnist --json | jq .changed`,
		Args: atMost(1),
		RunE: a.withRunDir(func(cmd *cobra.Command, args []string) error {
			var folder *run.Run
			var err error
			if len(args) > 0 {
				folder, err = findRun(*dir, args[0])
			} else {
				folder, err = run.Newest(*dir)
			}
			if err != nil {
				return err
			}
			return a.showRun(folder, asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the run as JSON")
	return cmd
}

// A metricJSON is a metric as --json prints it.
type metricJSON struct {
	Values    int    `json:"values"`
	NotFinite int    `json:"not_finite"`
	Epoch     int    `json:"epoch"`
	Step      int    `json:"step"`
	Last      number `json:"last"`
	Mean      number `json:"mean"`
	Median    number `json:"median"`
	Min       number `json:"min"`
	MinStep   int    `json:"min_step"`
	Max       number `json:"max"`
}

func metricsJSON(list []metric.Summary) map[string]metricJSON {
	m := map[string]metricJSON{}
	for _, s := range list {
		m[s.Name] = metricJSON{
			s.N, s.NotFinite, s.Epoch, s.Step, number(s.Last), number(s.Mean), number(s.Median), number(s.Min), s.MinStep, number(s.Max),
		}
	}
	return m
}

// A modelJSON is a run's model as --json prints it.
type modelJSON struct {
	Path       string `json:"path"`
	PathBytes  []byte `json:"path_base64,omitempty"`
	Parameters int    `json:"parameters"`
	Hash       string `json:"hash"`
}

// modelOf loads the model of a run, or what its last checkpoint has of one;
// nil, and a fault of i, if neither can be loaded.
func modelOf(i *run.Info) *modelJSON {
	path, err := run.FindModel(i.Run.Dir, "")
	if err == nil {
		var m *joule.Model
		if m, err = joule.LoadModel(path); err == nil {
			return &modelJSON{path, rawPath(path), m.Parameters(), m.Hash()}
		}
	}
	if i.State != run.Broken { // of which enough is said
		i.Faults = append(i.Faults, err)
	}
	return nil
}

type changeJSON struct {
	Value   setting.Setting `json:"value"`
	Default setting.Setting `json:"default"`
}

type fileJSON struct {
	Path      string `json:"path"`
	PathBytes []byte `json:"path_base64,omitempty"`
	Bytes     int64  `json:"bytes"`
	Link      bool   `json:"link"`
	Own       bool   `json:"own"`
}

type runDetailsJSON struct {
	runJSON
	Config  map[string]setting.Setting `json:"config"`
	Changed map[string]changeJSON      `json:"changed"`
	Metrics map[string]metricJSON      `json:"metrics"`
	Model   *modelJSON                 `json:"model"`
	Files   []fileJSON                 `json:"files"`
	Bytes   int64                      `json:"bytes"`
}

func (a *app) showRun(folder *run.Run, asJSON bool) error {
	files, size, err := folder.Files()
	if err != nil {
		return err
	}
	i := folder.Info()
	d := runDetails{Info: i, model: modelOf(i), files: files, size: size}
	if i.Config != nil {
		d.changed = i.Config.Diff(joule.DefaultConfig())
	}
	if asJSON {
		return a.printJSON(d.json())
	}
	if err := d.print(a.out()); err != nil {
		return err
	}
	a.tellFaults(i)
	if i.State == run.Interrupted {
		a.screen.line("resume with: %s train --resume %s", commandName(), quote(folder.Dir))
	}
	return nil
}

// runDetails are what joule runs show tells of a run.
type runDetails struct {
	*run.Info
	model   *modelJSON           // nil if there is none
	changed []setting.Difference // from the defaults
	files   []run.File
	size    int64 // of all files
}

func (d *runDetails) json() runDetailsJSON {
	j := runDetailsJSON{
		runJSON: newRunJSON(d.Info), Config: map[string]setting.Setting{}, Changed: map[string]changeJSON{},
		Metrics: metricsJSON(d.Metrics), Model: d.model, Files: []fileJSON{}, Bytes: d.size,
	}
	if d.Config != nil {
		for _, s := range d.Config.Settings() {
			j.Config[s.Key] = s
		}
	}
	for _, c := range d.changed {
		j.Changed[c.Key] = changeJSON{c.A, c.B}
	}
	for _, f := range d.files {
		j.Files = append(j.Files, fileJSON{f.Path, rawPath(f.Path), f.Size, f.Link, f.Own})
	}
	return j
}

// print prints tables, one below the other.
func (d *runDetails) print(out io.Writer) error {
	tables := []func(w io.Writer){d.writeState}
	switch {
	case d.Config == nil:
	case len(d.changed) == 0:
		tables = append(tables, func(w io.Writer) { fmt.Fprint(w, "All settings are the defaults.\n") })
	default:
		tables = append(tables, d.writeChanged)
	}
	if len(d.Metrics) > 0 {
		tables = append(tables, d.writeMetrics)
	}
	tables = append(tables, d.writeFiles)
	var b strings.Builder
	for k, table := range tables {
		if k > 0 {
			b.WriteString("\n")
		}
		printColumns(&b, table)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (d *runDetails) writeState(w io.Writer) {
	fmt.Fprintf(w, "run\t%s\n", printable(d.Run.Dir))
	fmt.Fprintf(w, "state\t%s, epoch %s, step %s\n", stateText(d.Info), epochsText(d.Info), thousands(int64(d.Steps)))
	fmt.Fprintf(w, "updated\t%s\n", timeText(d.Updated))
	fmt.Fprintf(w, "data\t%s\n", dataText(d.Info))
	if d.model != nil {
		fmt.Fprintf(w, "model\t%s parameters, hash %s\n", thousands(int64(d.model.Parameters)), d.model.Hash)
	}
}

func (d *runDetails) writeChanged(w io.Writer) {
	fmt.Fprint(w, "SETTING\tVALUE\tDEFAULT\n")
	for _, c := range d.changed {
		printSetting(w, c.Key, settingLines(c.A), settingLines(c.B))
	}
}

func (d *runDetails) writeMetrics(w io.Writer) {
	fmt.Fprint(w, "METRIC\tLAST\tMEAN\tLOWEST\tAT\tHIGHEST\tNOT FINITE\n")
	for _, s := range d.Metrics {
		if s.N == 0 {
			continue
		}
		at, odd := unknown, ""
		if s.NotFinite < s.N {
			at = thousands(int64(s.MinStep))
		}
		if s.NotFinite > 0 {
			odd = thousands(int64(s.NotFinite))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(s.Name), metricText(s.Last), metricText(s.Mean),
			metricText(s.Min), at, metricText(s.Max), odd)
	}
}

func (d *runDetails) writeFiles(w io.Writer) {
	fmt.Fprint(w, "FILE\tSIZE\n")
	for _, f := range d.files {
		size := bytesText(f.Size)
		if f.Link {
			size = "link"
		}
		if !f.Own {
			size += ", not Joule's"
		}
		fmt.Fprintf(w, "%s\t%s\n", printable(f.Path), size)
	}
	fmt.Fprintf(w, "%s\t%s\n", plural(len(d.files), "file"), bytesText(d.size))
}

func metricText(v float64) string {
	switch abs := math.Abs(v); {
	case v != v:
		return unknown
	case abs >= 1e4 && abs < 1e15:
		return thousands(int64(math.Round(v)))
	}
	return fmt.Sprintf("%.5g", v)
}
