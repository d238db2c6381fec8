package exchange

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/exchange/internal/torchfile"
)

// isTorch tells by its first bytes whether torch.save wrote a file. Of one that
// cannot be read it says no.
func isTorch(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return false // a pipe would wait
	}
	head := make([]byte, torchfile.HeadSize)
	n, _ := io.ReadFull(f, head)
	return torchfile.Sniff(head[:n])
}

// readTorch reads a file that torch.save wrote.
func readTorch(path string, opt Options) (*Result, error) {
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, fromTorch(err)
	}
	defer f.Close()
	r, err := fromStateDict(f, opt)
	return r, fromTorch(err)
}

// fromStateDict makes a model of the state dict in f.
func fromStateDict(f *torchfile.File, opt Options) (*Result, error) {
	tensors, err := tensorsOf(f)
	if err != nil {
		return nil, err
	}
	if opt.Height == 0 && opt.Width == 0 {
		opt.told = imageShape(f.Root)
	}
	return understand(&checkpoint.File{Tensors: tensors}, opt)
}

// fromTorch makes a fault of the format one of this package.
func fromTorch(err error) error {
	var e *torchfile.Error
	if errors.As(err, &e) {
		return &Error{Fault: e.Fault, Hint: e.Hint}
	}
	return err
}

// stateDicts are the keys under which a checkpoint has the state dict:
// Lightning's, and that of PyTorch's tutorials.
var stateDicts = []string{"state_dict", "model_state_dict"}

// tensorsOf reads the tensors of the state dict that the file holds or is. Of
// those that are not of floating point it gives no numbers.
func tensorsOf(f *torchfile.File) ([]checkpoint.Tensor, error) {
	root := f.Root
	for _, key := range stateDicts {
		if inner, ok := torchfile.Lookup(root, key); ok {
			root = inner
			break
		}
	}
	d, ok := root.(*torchfile.Dict)
	if !ok {
		return nil, &Error{Fault: fmt.Sprintf("holds %s, not a state dict", torchfile.Kind(root)), Hint: hintStateDict}
	}
	var tensors []checkpoint.Tensor
	seen := map[string]bool{}
	for _, item := range d.Items {
		name, ok := item.Key.(string)
		if !ok {
			return nil, &Error{Fault: fmt.Sprintf("its dict has %s for a name, so it is not a state dict", torchfile.Kind(item.Key)), Hint: hintStateDict}
		}
		t, ok := item.Value.(*torchfile.Tensor)
		if !ok {
			return nil, &Error{Fault: fmt.Sprintf("%.100q is %s, not a tensor", name, torchfile.Kind(item.Value)), Hint: hintStateDict}
		}
		if seen[name] {
			return nil, &Error{Fault: fmt.Sprintf("two tensors %.100q", name), Hint: hintStateDict}
		}
		seen[name] = true
		tensor := checkpoint.Tensor{Name: name, Shape: t.Shape, Data: []uint8(nil)}
		if t.IsFloat() {
			numbers, err := f.Float32(t)
			if err != nil {
				return nil, err
			}
			tensor.Data = numbers
		}
		tensors = append(tensors, tensor)
	}
	return tensors, nil
}

const hintStateDict = "give a checkpoint of Lightning's, or what torch.save(model.state_dict(), …) wrote"

// imageShape returns the channels, height and width that a checkpoint of the
// report's LightningModule tells, or nil.
func imageShape(root any) []int {
	hyper, ok := torchfile.Lookup(root, "hyper_parameters")
	if !ok {
		return nil
	}
	v, _ := torchfile.Lookup(hyper, "img_shape")
	var items []any
	switch v := v.(type) {
	case torchfile.Tuple:
		items = v
	case *torchfile.List:
		items = v.Items
	}
	if len(items) != 3 {
		return nil
	}
	var shape []int
	for _, item := range items {
		n, ok := item.(int64)
		if !ok || n < 1 || n > maxSide {
			return nil
		}
		shape = append(shape, int(n))
	}
	return shape
}
