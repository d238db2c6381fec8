// Package exchange writes models for other programs and reads theirs: weights
// for PyTorch, ONNX for everything that runs it, and folders as the Hugging
// Face Hub has them. Start with WriteSafetensors, WriteFolder and WriteONNX,
// with Read for weights that PyTorch trained, and with FindPublished for models
// that others published.
//
// The class Model of the default recipe's report, in PyTorch, outputs f = −E; Joule's networks
// output the energy E. Each function that writes takes the
// [joule.Convention] that the file is to have, and every file says which it
// has as "output" in its metadata.
package exchange

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
)

// An Error says that a file holds no model that Joule can read, or that another
// format cannot hold a model.
type Error struct {
	Path  string // empty when it is not about a file
	Fault string
	Hint  string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	if e.Path == "" {
		return "exchange: " + e.Fault
	}
	return "exchange: " + e.Path + ": " + e.Fault
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

// WriteSafetensors writes the weights to path, replacing it whole: a state
// dict that PyTorch loads with safetensors.torch.load_file, under the
// default network's names (cnn_layers.0.weight …). The metadata have the convention
// as "output", the network's spec and the model's card, so that
// [joule.LoadModel] reads the file too.
func WriteSafetensors(path string, m *joule.Model, c joule.Convention) error {
	f, err := file(m, c)
	if err != nil {
		return err
	}
	return checkpoint.Write(path, f)
}

// file is m.File for weights that are all numbers.
func file(m *joule.Model, c joule.Convention) (*checkpoint.File, error) {
	if err := checkFinite(m.Tensors()); err != nil {
		return nil, err
	}
	return m.File(c)
}

// checkFinite reports the first tensor of float32 that holds NaN or infinity.
func checkFinite(tensors []checkpoint.Tensor) error {
	for _, t := range tensors {
		values, _ := t.Data.([]float32)
		for _, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return &Error{
					Fault: fmt.Sprintf("tensor %.100q holds %v", t.Name, v),
					Hint:  "the training that made it diverged: take an earlier checkpoint",
				}
			}
		}
	}
	return nil
}
