package metric_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule/metric"
)

func Example() {
	dir, err := os.MkdirTemp("", "joule")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "metrics.csv")

	w, err := metric.Create(path, []string{"loss", "val_real_out"})
	if err != nil {
		log.Fatal(err)
	}
	for step := 1; step <= 3; step++ {
		if err := w.Write(0, step, map[string]float64{"loss": 1 / float64(step)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	table, err := metric.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	loss := table.Get("loss")
	fmt.Println(loss.Step, loss.Value)
	// Output: [1 2 3] [1 0.5 0.3333333333333333]
}
