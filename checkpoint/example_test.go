package checkpoint_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule/checkpoint"
)

func Example() {
	dir, err := os.MkdirTemp("", "joule")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	err = checkpoint.Write(path, &checkpoint.File{
		Metadata: map[string]string{"output": "energy"},
		Tensors:  []checkpoint.Tensor{{Name: "fc.weight", Shape: []int{1, 2}, Data: []float32{0.5, -1}}},
	})
	if err != nil {
		log.Fatal(err)
	}

	f, err := checkpoint.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	w, err := f.Float32("fc.weight", 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w, f.Metadata["output"])
	// Output: [0.5 -1] energy
}
