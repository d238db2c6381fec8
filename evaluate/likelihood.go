package evaluate

import (
	"context"
	"fmt"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/ais"
	"github.com/joule-ml/joule/sampler"
)

// LogPartition estimates log Z = log ∫ exp(−E(x)/T) dx, by default over the
// images in [−1, 1] at T = 1: see [ais.Config]. The estimate depends on the
// model and c alone, not on c.Threads. It stops with ctx's error when ctx is
// done, and with an [*ais.NonFiniteError].
func LogPartition(ctx context.Context, m *joule.Model, c ais.Config, progress func(ais.Progress)) (*ais.Estimate, error) {
	est, err := ais.Run(ctx, ais.Target{
		Elements: m.Engine().Network().Input().Len(),
		Energy:   func() sampler.Energy { return m.Engine().WithContext(ctx).Energy() },
	}, c, progress)
	if err != nil {
		return nil, fmt.Errorf("evaluate: log partition: %w", err)
	}
	return est, nil
}

// LogLikelihood returns the mean log-likelihood of images, N×C×H×W in [−1, 1],
// given the model's own estimate of log Z. Read [ais.Likelihood] before the
// figures: a trained energy has no T of its own.
func LogLikelihood(m *joule.Model, est *ais.Estimate, images []float32) (ais.Likelihood, error) {
	if est.N != m.Engine().Network().Input().Len() {
		panic("evaluate: LogLikelihood with the estimate of another model")
	}
	energies := make([]float32, len(images)/est.N)
	m.Energies(energies, images)
	l, err := est.Likelihood(energies)
	if err != nil {
		return l, fmt.Errorf("evaluate: %w", err)
	}
	return l, nil
}
