package joule_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/metric"
)

// survivalEnv makes TestGuardSurvival run: it trains some dozens of small
// models on MNIST, which must be there. Its value is a part of the settings'
// names to run, or "all".
const survivalEnv = "JOULE_GUARD_SURVIVAL"

// hardSettings are changes to the recipe, most of which ruin it.
var hardSettings = []string{
	"",
	"optimizer.learning_rate=1e-3",
	"optimizer.learning_rate=1e-2",
	"optimizer.learning_rate=3e-2",
	"optimizer.learning_rate=1e-1",
	"optimizer.learning_rate=3e-1",
	"optimizer.learning_rate=1",
	"optimizer.learning_rate=1 optimizer.grad_clip_norm=.inf",
	"optimizer.learning_rate=10 optimizer.grad_clip_norm=.inf",
	"objective.alpha=0 optimizer.learning_rate=3e-2",
	"objective.alpha=0 optimizer.learning_rate=1e-1",
	"sampler.step_size=50 optimizer.learning_rate=3e-2",
	"sampler.step_size=50 objective.alpha=0 optimizer.learning_rate=1e-1",
	"sampler.steps=5",
	"sampler.steps=5 objective.alpha=0",
	"sampler.steps=10 optimizer.learning_rate=1e-2",
	"buffer.size=64 buffer.restart_probability=0 objective.alpha=0",
}

// survivalSeeds are not those, 0 and 1, on which the guard's thresholds and
// cures were chosen.
var survivalSeeds = []uint64{100, 101}

// TestGuardSurvival measures how many trainings under hard settings come to a
// usable end without the guard and with it.
func TestGuardSurvival(t *testing.T) {
	only := os.Getenv(survivalEnv)
	if only == "" {
		t.Skip(survivalEnv + " is not set")
	}
	train, val, err := dataset.Open(context.Background(), "mnist", dataset.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	survived := map[int]int{}
	runs := 0
	for _, set := range hardSettings {
		if only != "all" && !strings.Contains(set, only) {
			continue
		}
		for _, seed := range survivalSeeds {
			runs++
			line := fmt.Sprintf("| %-66s | %d |", set, seed)
			for _, retries := range []int{0, guard.Default().Retries} {
				c := joule.DefaultConfig()
				for _, s := range append(strings.Fields(set), "epochs=1", "limit_train_batches=150", "limit_val_batches=4", "network.hidden_features=16") {
					if err := c.Set(s); err != nil {
						t.Fatal(err)
					}
				}
				c.Seed, c.Guard.Retries = seed, retries
				end := survive(t, c, train, val)
				if end == "good" {
					survived[retries]++
				}
				line += " " + end + " |"
			}
			fmt.Println(line)
		}
	}
	fmt.Printf("of %d: %d without the guard, %d with it\n", runs, survived[0], survived[guard.Default().Retries])
	if survived[guard.Default().Retries] < survived[0] {
		t.Error("the guard does harm")
	}
}

// survive trains and judges the end: "good", or what is wrong.
func survive(t *testing.T, c joule.Config, train, val *dataset.Set) string {
	tr, err := joule.NewTrainer(c, train, val)
	if err != nil {
		t.Fatal(err)
	}
	var last [][]float64
	var end joule.EpochInfo
	start := time.Now()
	err = tr.Fit(context.Background(), joule.Callback{
		Step:  func(s joule.StepInfo) error { last = append(last, slices.Clone(s.Values)); return nil },
		Epoch: func(e joule.EpochInfo) error { end = e; return nil },
	})
	tried := ""
	for _, r := range tr.Rollbacks() {
		tried += fmt.Sprintf(" [%d %s]", r.Step, r.Rule)
	}
	t.Logf("%.0f s, %d steps, val %+.2f%s", time.Since(start).Seconds(), len(last), end.Divergence, tried)
	if err != nil {
		return "ends with an error"
	}
	last = last[len(last)-20:]
	// of returns the median over the last steps of a value.
	of := func(value func(figure func(name string) float64) float64) float64 {
		var v []float64
		for _, values := range last {
			v = append(v, value(func(name string) float64 {
				return values[slices.IndexFunc(tr.Figures(), func(f metric.Figure) bool { return f.Name == name })]
			}))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	median := func(name string) float64 {
		return of(func(figure func(string) float64) float64 { return figure(name) })
	}
	gap := of(func(figure func(string) float64) float64 {
		return figure(metric.EnergyFake) - figure(metric.EnergyReal)
	})
	diversity := median(metric.Diversity)
	switch {
	case !(end.Divergence < -0.1):
		return fmt.Sprintf("takes noise for digits (%+.2g)", end.Divergence)
	case median(metric.ChainGradNorm) < 1e-4:
		return "flat"
	case !(gap > -0.3 && gap < 1):
		return fmt.Sprintf("gap %+.2g", gap)
	case median(metric.Blank) > 0.2, !(diversity > 0.5 && diversity < 1.25):
		return fmt.Sprintf("samples too much alike or noise (%.2f)", diversity)
	}
	return "good"
}
