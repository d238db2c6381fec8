package exchange_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/exchange"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// Weights that PyTorch saved say nothing of the sign of what they compute.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "weights.safetensors")
	saveStateDict(path)

	_, err = exchange.Read(path, exchange.Options{})
	var e *exchange.Error
	if errors.As(err, &e) {
		fmt.Println(e.Fault)
	}
	r, err := exchange.Read(path, exchange.Options{Output: joule.OutputF})
	if err != nil {
		log.Fatal(err)
	}
	c, h, w := r.Model.Shape()
	fmt.Printf("%d parameters, images of %d×%d×%d\n", r.Model.Parameters(), c, h, w)

	// The model goes on to other programs.
	if err := exchange.WriteONNX(filepath.Join(dir, "model.onnx"), r.Model, joule.OutputEnergy); err != nil {
		log.Fatal(err)
	}
	// Output:
	// does not say what its network outputs
	// 76993 parameters, images of 1×28×28
}

// saveStateDict stands for safetensors.torch.save_file.
func saveStateDict(path string) {
	net, err := nn.New(arch.CNN(32, lane.Shape{C: 1, H: 28, W: 28}))
	if err != nil {
		log.Fatal(err)
	}
	net.Init(1)
	var f checkpoint.File
	for _, v := range net.Views() {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "cnn." + v.Name, Shape: v.Shape, Data: v.Data})
	}
	if err := checkpoint.Write(path, &f); err != nil {
		log.Fatal(err)
	}
}
