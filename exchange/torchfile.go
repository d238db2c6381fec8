package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/exchange/internal/torchfile"
)

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

// fromStateDict makes a model of a state dict in f.
func fromStateDict(f *torchfile.File, opt Options) (*Result, error) {
	w := dictsOf(f)
	if opt.Height == 0 && opt.Width == 0 {
		opt.told = imageShape(f.Root)
	}
	r, err := understand(w.dicts, w.read, nil, opt)
	if e, ok := err.(*Error); ok && len(w.dicts) == 0 && e.Hint == hintNetwork {
		return nil, w.none()
	}
	return r, err
}

// fromTorch makes a fault of the format one of this package.
func fromTorch(err error) error {
	var e *torchfile.Error
	if errors.As(err, &e) {
		return &Error{Fault: e.Fault, Hint: e.Hint}
	}
	return err
}

// Bounds of what is looked through for state dicts: objects may hold each
// other, and themselves.
const (
	maxItems = 1 << 20
	maxDepth = 8
	maxPath  = 500 // bytes of the keys that lead to a dict
)

// A walk finds the dicts in a file that may be state dicts.
type walk struct {
	file   *torchfile.File
	left   int // objects that it may still look at
	dicts  []dict
	module string // the class of the first module that was saved whole
}

// dictsOf walks through a file.
func dictsOf(f *torchfile.File) *walk {
	w := &walk{file: f, left: maxItems}
	w.look(f.Root, "", 0)
	return w
}

// look goes through an object that the keys of path lead to.
func (w *walk) look(v any, path string, depth int) {
	switch v := v.(type) {
	case *torchfile.Dict:
		w.lookInto(v.Items, path, depth)
	case *torchfile.Object:
		_, ok1 := torchfile.Lookup(v.State, "_parameters")
		_, ok2 := torchfile.Lookup(v.State, "_modules")
		if ok1 && ok2 && w.module == "" {
			w.module = torchfile.Kind(v)
		}
		w.lookInto(v.Items, path, depth)
		w.look(v.State, path, depth+1)
	case *torchfile.List:
		w.lookInto(numbered(v.Items), path, depth)
	case torchfile.Tuple:
		w.lookInto(numbered(v), path, depth)
	}
}

// numbered are the items of a list, their places the keys.
func numbered(list []any) (items []torchfile.Item) {
	for i, v := range list {
		switch v.(type) {
		case *torchfile.Dict, *torchfile.Object, *torchfile.List, torchfile.Tuple:
			items = append(items, torchfile.Item{Key: strconv.Itoa(i), Value: v})
		}
	}
	return items
}

// lookInto goes through the items of a dict, of which a key may come twice: the
// later one counts.
func (w *walk) lookInto(items []torchfile.Item, path string, depth int) {
	if w.left -= len(items); w.left < 0 || depth > maxDepth {
		return
	}
	d := dict{path: path}
	at := map[string]int{}
	named := false
	for _, item := range items {
		name, ok := item.Key.(string)
		if !ok {
			continue
		}
		named = named || strings.HasSuffix(name, "0.weight") || strings.Contains(name, "0.weight_") || strings.Contains(name, "0.parametrizations.weight.")
		if i, twice := at[name]; twice {
			d.members[i] = w.member(name, item.Value)
			continue
		}
		at[name] = len(d.members)
		d.members = append(d.members, w.member(name, item.Value))
	}
	if named {
		w.dicts = append(w.dicts, d)
	}
	for _, item := range items {
		if name, ok := item.Key.(string); ok && len(path)+len(name) < maxPath {
			w.look(item.Value, strings.TrimPrefix(path+"."+name, "."), depth+1)
		}
	}
}

// member describes an object of a state dict.
func (w *walk) member(name string, v any) member {
	t, ok := v.(*torchfile.Tensor)
	switch {
	case !ok:
		return member{name: name, fault: "is " + torchfile.Kind(v), remedy: cmp.Or(torchfile.Remedy(v), hintStateDict)}
	case !t.IsFloat():
		return member{name: name, shape: t.Shape, fault: "holds " + t.Numbers(), numbers: t.Numbers()}
	}
	return member{name: name, shape: t.Shape, tensor: t}
}

// read gives the numbers of tensors.
func (w *walk) read(list []member) (numbers [][]float32, err error) {
	for _, m := range list {
		values, err := w.file.Float32(m.tensor)
		var e *torchfile.Error
		if errors.As(err, &e) {
			return nil, &Error{Fault: fmt.Sprintf("tensor %.100q: %s", m.name, e.Fault), Hint: e.Hint}
		}
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, values)
	}
	return numbers, nil
}

// none is the error of a file without a state dict.
func (w *walk) none() error {
	switch w.file.Root.(type) {
	case *torchfile.Dict:
		if w.module == "" {
			return &Error{Fault: fmt.Sprintf("no tensor %q", names+"0.weight"), Hint: hintNetwork}
		}
	}
	if w.module != "" {
		return &Error{
			Fault: fmt.Sprintf("holds %s, a whole module, not a state dict", w.module),
			Hint:  `in Python: torch.save(torch.load("FILE", weights_only=False).state_dict(), "weights.pt")`,
		}
	}
	return &Error{Fault: fmt.Sprintf("holds %s, not a state dict", torchfile.Kind(w.file.Root)), Hint: hintStateDict}
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
