package metric

import "slices"

// A Figure is something that is measured in a training. Energies are figures
// of E; files show some of them as f = −E, the output of the network in the
// report that the default recipe follows, under the names that it has there.
type Figure struct {
	Name    string // by which code asks for it
	Column  string // of metrics.csv, and TensorBoard's tag; "" where it is not kept
	Negated bool   // the column holds the negative: f = −E
	Panel   string // of the curves, see Panels; "" for none
	Curve   int    // its place among the panel's curves
	Label   string // on a terminal; "" where it is not shown
	Better  string // Lower or Higher; "" where neither is
	Monitor bool   // a validation has it, so that it may tell which state is best
}

// In returns a value as the column has it, and a column's as the value.
func (f Figure) In(v float64) float64 {
	if f.Negated {
		return -v
	}
	return v
}

// Which values of a figure are better. These are also the modes of settings.
const (
	Lower  = "min"
	Higher = "max"
)

// The names of the figures.
const (
	Loss              = "loss"
	Regularization    = "loss_regularization"
	Divergence        = "loss_contrastive_divergence"
	EnergyReal        = "energy_real" // mean E of a batch's real images
	EnergyFake        = "energy_fake" // mean E of its samples
	ValDivergence     = "val_contrastive_divergence"
	ValReal           = "val_energy_real"  // mean E of held-out images
	ValNoise          = "val_energy_noise" // mean E of uniform noise
	Outliers          = "energy_outliers"  // mean E of other uniform noise
	LearningRate      = "learning_rate"
	GradNorm          = "grad_norm"         // of the weights, before clipping
	ChainGradNorm     = "samples_grad_norm" // mean norm of ∂E/∂x at the chains' last step, unclipped
	ChainClamped      = "samples_clamped"   // share of its elements that were clipped
	Restarts          = "restarts"          // chains that did not start from the replay buffer
	AtBounds          = "samples_at_bounds" // share of the samples' pixels at their bounds
	Blank             = "samples_blank"     // share of the samples that are of one colour
	Diversity         = "samples_diversity" // root mean square distance between samples, over that between real images
	Accepted          = "samples_accepted"  // share of the chains' steps that were accepted, of methods that reject some
	Contrast          = "contrast"          // mean E of a few images of noise − mean E of a batch's real images; of score matching the absolute value
	GeneratorLoss     = "loss_generator"
	PullingAway       = "pulling_away"        // mean squared cosine of the samples' codes
	Margin            = "margin"              // energy up to which samples are raised
	GeneratorGradNorm = "generator_grad_norm" // of the generator's weights, before clipping
	Rollbacks         = "rollbacks"           // of the run so far
	Speed             = "image_gradients_per_second"
)

// Figures lists all figures, in the order of the columns. The last column is
// all that differs when a run is done again.
func Figures() []Figure {
	return []Figure{
		{Name: Loss, Column: "loss", Panel: "Loss", Curve: 1, Label: "loss", Better: Lower},
		{Name: Regularization, Column: "loss_regularization", Panel: "Loss", Curve: 3, Better: Lower},
		{Name: Divergence, Column: "loss_contrastive_divergence", Panel: "Loss", Curve: 2, Better: Lower},
		{Name: GeneratorLoss, Column: "loss_generator", Panel: "Loss", Curve: 4, Better: Lower},
		{Name: EnergyReal, Column: "metrics_avg_real", Negated: true, Panel: "Training batches", Curve: 1, Label: "E(real)"},
		{Name: EnergyFake, Column: "metrics_avg_fake", Negated: true, Panel: "Training batches", Curve: 2, Label: "E(fake)"},
		{Name: Margin, Column: "metrics_margin", Negated: true, Panel: "Training batches", Curve: 3},
		{Name: ValDivergence, Column: "val_contrastive_divergence", Panel: "Validation", Curve: 1, Better: Lower, Monitor: true},
		{Name: ValReal, Column: "val_real_out", Negated: true, Panel: "Validation", Curve: 2, Monitor: true},
		{Name: ValNoise, Column: "val_fake_out", Negated: true, Panel: "Validation", Curve: 3, Monitor: true},
		{Name: Outliers, Column: "rand_out", Negated: true, Panel: "Validation", Curve: 4},
		{Name: LearningRate, Column: "learning_rate", Panel: "Learning rate"},
		{Name: GradNorm, Column: "grad_norm", Panel: "Gradient of the weights before clipping"},
		{Name: GeneratorGradNorm, Column: "generator_grad_norm", Panel: "Gradient of the weights before clipping", Curve: 1},
		{Name: ChainGradNorm, Column: "samples_grad_norm"},
		{Name: ChainClamped},
		{Name: Restarts},
		{Name: AtBounds, Column: "samples_at_bounds", Panel: "Samples", Curve: 2, Better: Lower},
		{Name: Blank, Column: "samples_blank", Panel: "Samples", Curve: 3, Better: Lower},
		{Name: Diversity, Column: "samples_diversity", Panel: "Samples", Curve: 1, Better: Higher},
		{Name: Accepted, Column: "samples_accepted", Panel: "Samples", Curve: 4},
		{Name: PullingAway, Column: "pulling_away", Panel: "Samples", Curve: 5, Better: Lower},
		{Name: Contrast},
		{Name: Rollbacks, Column: "rollbacks", Panel: "Guard", Better: Lower},
		{Name: Speed, Column: "image_gradients_per_second", Panel: "Speed", Better: Higher},
	}
}

// A Panel is one plot of the curves.
type Panel struct {
	Title  string
	YLabel string
	LogY   bool
}

// Panels lists the plots from top to bottom.
func Panels() []Panel {
	return []Panel{
		{Title: "Loss", YLabel: "loss"},
		{Title: "Training batches", YLabel: "f = −E"},
		{Title: "Validation", YLabel: "f = −E"},
		{Title: "Gradient of the weights before clipping", YLabel: "norm", LogY: true},
		{Title: "Learning rate", YLabel: "learning rate"},
		{Title: "Samples", YLabel: "share"},
		{Title: "Guard", YLabel: "rollbacks"},
		{Title: "Speed", YLabel: "image-gradients/s"},
	}
}

// Named returns the figures of the given names, in their order.
func Named(names ...string) []Figure {
	all := Figures()
	list := make([]Figure, len(names))
	for i, name := range names {
		at := slices.IndexFunc(all, func(f Figure) bool { return f.Name == name })
		if at < 0 {
			panic("metric: no figure is named " + name)
		}
		list[i] = all[at]
	}
	return list
}

// Column returns the name of a figure's column.
func Column(name string) string { return Named(name)[0].Column }

// Columns lists the columns that some figures have, in the order of Figures.
func Columns(figures []Figure) []string {
	var columns []string
	for _, f := range Figures() {
		if f.Column != "" && slices.ContainsFunc(figures, func(g Figure) bool { return g.Name == f.Name }) {
			columns = append(columns, f.Column)
		}
	}
	return columns
}

// Curves lists the figures of a panel in the order of their curves.
func Curves(panel string) []Figure {
	var list []Figure
	for _, f := range Figures() {
		if f.Panel == panel {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b Figure) int { return a.Curve - b.Curve })
	return list
}

// Monitors lists the columns of a validation, which decide what the best
// checkpoint is and when to stop early.
func Monitors() []string {
	var columns []string
	for _, f := range Figures() {
		if f.Monitor {
			columns = append(columns, f.Column)
		}
	}
	return columns
}

// IsBetter reports whether v is better than best by more than delta, where
// mode, Lower or Higher, says which is.
func IsBetter(mode string, v, best, delta float64) bool {
	if mode == Higher {
		return v > best+delta
	}
	return v < best-delta
}
