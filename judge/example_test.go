package judge_test

import (
	"context"
	"fmt"
	"log"

	"github.com/joule-ml/joule/judge"
	"github.com/joule-ml/joule/lane"
)

// How well do energies tell images from outliers? Scores are −E.
func ExampleAUROCInterval() {
	images := []float64{0.9, 0.7, 0.8, 0.4, 0.6}
	outliers := []float64{0.1, 0.5, 0.3, 0.2}
	auroc, err := judge.AUROCInterval(images, outliers, 0.95)
	if err != nil {
		log.Fatal(err)
	}
	fpr, err := judge.FPR(images, outliers, 0.95)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("AUROC", auroc)
	fmt.Println("false positives at 95 % true positives", fpr)
	// Output:
	// AUROC 0.9500 [0.5067, 0.9972]
	// false positives at 95 % true positives 0.25
}

// How close are samples to real images, in a feature space of two dimensions?
func Example() {
	real := judge.Features{N: 4, D: 2, X: []float32{0, 0, 0, 2, 2, 0, 2, 2}}
	samples := judge.Features{N: 4, D: 2, X: []float32{1, 1, 1, 0, 2, 1, 9, 9}}
	distance, err := judge.FrechetDistance(real, samples)
	if err != nil {
		log.Fatal(err)
	}
	manifold, err := judge.NewManifold(context.Background(), lane.Pool{Workers: 2}, real, samples, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Fréchet distance %.3f\n%v\n", distance, manifold)
	// Output:
	// Fréchet distance 29.378
	// precision 0.7500  recall 0.7500  density 1.0000  coverage 1.0000  (k = 2)
}
