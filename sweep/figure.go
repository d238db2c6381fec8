package sweep

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
)

// A Figure is a number by which runs are compared.
type Figure struct {
	Name   string
	Better string // metric.Lower or metric.Higher
}

// evalPrefix begins the names of the figures of an evaluation.
const evalPrefix = "eval."

// OfEval tells whether a run has to be judged to have the figure.
func (f Figure) OfEval() bool { return strings.HasPrefix(f.Name, evalPrefix) }

// judged are the figures of an evaluation that always are there.
var judged = []struct {
	Figure
	of func(s evaluate.Samples) float64
}{
	{Figure{"eval.frechet", metric.Lower}, func(s evaluate.Samples) float64 { return s.Frechet }},
	{Figure{"eval.inception_score", metric.Higher}, func(s evaluate.Samples) float64 { return s.InceptionScore }},
	{Figure{"eval.inception_share", metric.Higher}, func(s evaluate.Samples) float64 { return s.InceptionScore / s.InceptionScoreTest }}, // of that of real images
	{Figure{"eval.precision", metric.Higher}, func(s evaluate.Samples) float64 { return s.Precision }},
	{Figure{"eval.recall", metric.Higher}, func(s evaluate.Samples) float64 { return s.Recall }},
	{Figure{"eval.density", metric.Higher}, func(s evaluate.Samples) float64 { return s.Density }},
	{Figure{"eval.coverage", metric.Higher}, func(s evaluate.Samples) float64 { return s.Coverage }},
	{Figure{"eval.diversity", metric.Higher}, func(s evaluate.Samples) float64 { return s.Diversity }},
	{Figure{"eval.rarest", metric.Higher}, func(s evaluate.Samples) float64 { return slices.Min(s.LabelHistogram) }}, // share of the rarest class
}

const (
	// chainGrowth is the Fréchet distance of the longest chains over that of
	// chains of 256 steps.
	chainGrowth = "eval.chain_growth"
	aurocPrefix = "eval.auroc." // and the kind of outliers
)

// Figures lists the names by which [FindFigure] finds a figure.
func Figures() []string {
	var names []string
	for _, f := range metric.Figures() {
		if f.Better != "" && f.Column != "" {
			names = append(names, f.Column)
		}
	}
	for _, f := range judged {
		names = append(names, f.Name)
	}
	return append(names, chainGrowth)
}

// FindFigure returns the figure of a name: a column of metrics.csv of which lower
// or higher values are better, or one of an evaluation. An error is a
// [*setting.Error].
func FindFigure(name string) (Figure, error) {
	for _, f := range metric.Figures() {
		if f.Better != "" && f.Column == name {
			return Figure{name, f.Better}, nil
		}
	}
	for _, f := range judged {
		if f.Name == name {
			return f.Figure, nil
		}
	}
	switch {
	case name == chainGrowth:
		return Figure{name, metric.Lower}, nil
	case strings.HasPrefix(name, aurocPrefix) && len(name) > len(aurocPrefix):
		return Figure{name, metric.Higher}, nil
	}
	e := &setting.Error{Problem: setting.Quote(name) + " is no figure that runs can be compared by", Hint: "choose one of " + strings.Join(Figures(), ", ") + ", or eval.auroc.blank and so on"}
	if near := setting.Nearest(name, Figures()); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return Figure{}, e
}

// trained returns the figures of a run's training: each its mean over the last
// epoch that has values of it.
func trained(i *run.Info) map[string]float64 {
	figures := map[string]float64{}
	for _, s := range i.Metrics {
		put(figures, s.Name, s.Mean)
	}
	return figures
}

// addJudged adds the figures of a report.
func addJudged(figures map[string]float64, r *evaluate.Report) {
	for _, f := range judged {
		put(figures, f.Name, f.of(r.Samples))
	}
	for name, o := range r.Outliers {
		put(figures, aurocPrefix+name, o.AUROC)
	}
	if steps := r.Steps(); len(steps) > 0 && steps[len(steps)-1].Steps > 256 {
		put(figures, chainGrowth, steps[len(steps)-1].Frechet/r.Chains["256"].Frechet)
	}
}

// put keeps a figure that is a finite number, as JSON has no others.
func put(figures map[string]float64, name string, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		figures[name] = v
	}
}
