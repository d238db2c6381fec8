package metric_test

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule/metric"
)

// TestFigures: the list is consistent, and the columns stay in the order that
// files have had all along.
func TestFigures(t *testing.T) {
	want := []string{
		"loss", "loss_regularization", "loss_contrastive_divergence", "metrics_avg_real", "metrics_avg_fake",
		"val_contrastive_divergence", "val_real_out", "val_fake_out", "rand_out", "learning_rate", "grad_norm",
		"samples_grad_norm", "samples_at_bounds", "samples_blank", "samples_diversity", "rollbacks", "image_gradients_per_second",
	}
	all := metric.Figures()
	old := slices.DeleteFunc(metric.Columns(all), func(c string) bool { return !slices.Contains(want, c) })
	if !slices.Equal(old, want) {
		t.Errorf("columns %v, want %v", old, want)
	}
	if got := metric.Monitors(); !slices.Equal(got, want[5:8]) {
		t.Errorf("monitors %v", got)
	}
	var panels []string
	curves := 0
	for _, p := range metric.Panels() {
		panels = append(panels, p.Title)
		n := len(metric.Curves(p.Title))
		if n == 0 {
			t.Errorf("panel %q has no curve", p.Title)
		}
		curves += n
	}
	names := map[string]bool{}
	for _, f := range all {
		if names[f.Name] || f.Panel != "" && !slices.Contains(panels, f.Panel) || f.Panel != "" && f.Column == "" {
			t.Errorf("%+v: its name is taken, or its panel is none", f)
		}
		names[f.Name] = true
		if f.Panel != "" {
			curves--
		}
		if f.In(f.In(3)) != 3 || f.Negated != (f.In(3) == -3) {
			t.Errorf("%s: 3 is %v in its column", f.Name, f.In(3))
		}
	}
	if curves != 0 {
		t.Errorf("%d more curves in panels than figures that have one", curves)
	}
}
