package tensorboard_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule/tensorboard"
)

// A run stops after a checkpoint and goes on from there.
func Example() {
	dir, err := os.MkdirTemp("", "joule")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	w, err := tensorboard.Create(dir)
	if err != nil {
		log.Fatal(err)
	}
	for step := 1; step <= 3; step++ {
		if err := w.Scalar("loss", step, 1/float64(step)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	w, err = tensorboard.Resume(dir, 2, nil) // the checkpoint's step
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Scalar("loss", 3, 0.25); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		events, err := tensorboard.Read(file)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range events {
			for _, v := range e.Values {
				if x, ok := v.Scalar(); ok {
					fmt.Println(v.Tag, e.Step, x)
				}
			}
		}
	}
	// Output:
	// loss 1 1
	// loss 2 0.5
	// loss 3 0.25
}
