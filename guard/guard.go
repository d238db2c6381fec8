package guard

import (
	"fmt"
	"slices"

	"github.com/joule-ml/joule/metric"
)

// A Guard judges a training by its figures.
type Guard struct {
	cfg     Config
	rules   []rule
	values  []float64   // that a rule's value is made of
	windows [][]float64 // of each rule, the latest value last
	sorted  []float64   // memory for a window in order
}

// New returns a guard of a training that measures figures. Rules on others do
// not apply.
func New(c Config, figures []metric.Figure) *Guard {
	g := &Guard{cfg: c, rules: among(c.rules(), figures), values: make([]float64, 3)}
	for i := range g.rules {
		r := &g.rules[i]
		for _, name := range r.figures {
			r.places = append(r.places, slices.IndexFunc(figures, func(f metric.Figure) bool { return f.Name == name }))
		}
	}
	g.windows = make([][]float64, len(g.rules))
	return g
}

// Step judges a step by the values of the figures that New was given, and
// returns the first trouble, nil where there is none. age is the number of steps
// that the weights have had since they were drawn, and rate the learning rate.
func (g *Guard) Step(values []float64, age int, rate float64) *Trouble {
	var first *Trouble
	for i := range g.rules {
		r := &g.rules[i]
		if age < r.wait || float64(age)*rate < r.late {
			continue
		}
		for j, at := range r.places {
			g.values[j] = values[at]
		}
		w := append(g.windows[i], r.value(g.values))
		if len(w) > g.cfg.Window {
			w = slices.Delete(w, 0, len(w)-g.cfg.Window)
		}
		g.windows[i] = w
		if first == nil && len(w) == g.cfg.Window {
			first = g.judge(r, w)
		}
	}
	return first
}

// Epoch judges a validation, by the mean energy of held-out images less that of
// noise. An epoch cannot be undone once it has ended, so a quarter of the window
// has to be enough here for the other rules.
func (g *Guard) Epoch(divergence float64) *Trouble {
	quarter := (g.cfg.Window + 3) / 4
	if divergence > -g.cfg.MinGap {
		return &Trouble{
			Rule: validation,
			Seen: fmt.Sprintf("E of held-out images is above that of noise by more than %.4g: by %.4g", -g.cfg.MinGap, divergence),
		}
	}
	for i := range g.rules {
		if w := g.windows[i]; len(w) >= quarter {
			if t := g.judge(&g.rules[i], w[len(w)-quarter:]); t != nil {
				return t
			}
		}
	}
	late := slices.IndexFunc(g.rules, func(r rule) bool { return r.name == contrast })
	if late >= 0 && len(g.windows[late]) >= quarter && -divergence < g.cfg.MinContrast {
		return &Trouble{
			Rule: validation,
			Seen: fmt.Sprintf("E(noise) − E of held-out images is below %.4g: %.4g", g.cfg.MinContrast, -divergence),
		}
	}
	return nil
}

// Forget drops the values seen so far.
func (g *Guard) Forget() {
	for i := range g.windows {
		g.windows[i] = g.windows[i][:0]
	}
}

// Windows returns the latest values of each rule, as a checkpoint keeps them.
func (g *Guard) Windows() [][]float64 { return g.windows }

// Restore takes up the windows of a checkpoint, and reports whether they can be
// of these rules: an older checkpoint has none of the last. A window that has
// become shorter keeps the latest.
func (g *Guard) Restore(windows [][]float64) bool {
	if len(windows) > len(g.windows) {
		return false
	}
	for i, w := range windows {
		g.windows[i] = w[max(0, len(w)-g.cfg.Window):]
	}
	return true
}
