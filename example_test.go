package joule_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/grid"
)

// Open MNIST, train, sample, save. Without the line of limits this is the
// whole recipe: three epochs, some minutes on two cores.
func Example() {
	ctx := context.Background()
	train, test, err := dataset.Open(ctx, "mnist", dataset.Options{})
	if err != nil {
		log.Fatal(err)
	}
	cfg := joule.DefaultConfig()
	cfg.Epochs, cfg.LimitTrainBatches, cfg.LimitValBatches, cfg.Network.HiddenFeatures = 1, 3, 2, 4
	trainer, err := joule.NewTrainer(cfg, train, test)
	if err != nil {
		log.Fatal(err)
	}
	if err := trainer.Fit(ctx); err != nil {
		log.Fatal(err)
	}
	model := trainer.Model()
	samples, err := model.Sample(ctx, joule.DefaultSampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "joule")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	picture := grid.Make(samples.Images, samples.N, samples.C, samples.H, samples.W, grid.DefaultOptions())
	if err := grid.WritePNG(filepath.Join(dir, "samples.png"), picture, nil); err != nil {
		log.Fatal(err)
	}
	if err := model.Save(filepath.Join(dir, "model.safetensors")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(samples.N, "samples of", model.Parameters(), "parameters, saved as", picture.Bounds().Size())
	// Output: 64 samples of 1281 parameters, saved as (242,242)
}
