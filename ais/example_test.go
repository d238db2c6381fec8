package ais_test

import (
	"context"
	"fmt"
	"log"

	"github.com/joule-ml/joule/ais"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/sampler"
)

// bowl is E(x) = 2‖x‖².
type bowl struct{ grad []float32 }

func (b *bowl) EnergyGrad(x, energy []float32) []float32 {
	clear(energy)
	for i, v := range x {
		energy[i%len(energy)] += 2 * v * v
		b.grad[i] = 4 * v
	}
	return b.grad
}

func ExampleRun() {
	const n = 10
	c := ais.DefaultConfig()
	c.Betas = 500
	est, err := ais.Run(context.Background(), ais.Target{
		Elements: n,
		Energy:   func() sampler.Energy { return &bowl{make([]float32, n*lane.Width)} },
	}, c, nil)
	if err != nil {
		log.Fatal(err)
	}
	// Over the box [−1, 1], ∫ exp(−2x²) dx is 1.1963.
	low, high := est.Interval()
	fmt.Printf("log Z ≈ %.1f, bounds less than 0.2 apart: %v\n", est.LogZ(), high-low < 0.2)
	for _, w := range est.Warnings {
		fmt.Println("warning:", w)
	}
	// Output: log Z ≈ 1.8, bounds less than 0.2 apart: true
}
