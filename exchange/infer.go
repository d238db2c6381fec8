package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
)

// understand makes a model of the network that one of the dicts has, whose
// numbers read gives.
func understand(dicts []dict, read reader, metadata map[string]string, opt Options) (*Result, error) {
	output, err := outputOf(metadata, opt)
	if err != nil {
		return nil, err
	}
	n, err := choose(dicts, opt.Key)
	if err != nil {
		return nil, err
	}
	tensors, err := n.tensors(read)
	if err != nil {
		return nil, err
	}
	beside, err := n.beside()
	if err != nil {
		return nil, err
	}
	m, guessed, err := build(tensors, output, opt)
	if err != nil {
		return nil, err
	}
	return &Result{Model: m, Output: output, SizeGuessed: guessed, Beside: beside}, nil
}

// build makes a model of the default network's parameters.
func build(tensors []checkpoint.Tensor, output joule.Convention, opt Options) (m *joule.Model, guessed bool, err error) {
	a, err := infer(tensors, opt)
	if err != nil {
		return nil, false, err
	}
	spec := arch.CNN(a.hidden, a.input)
	wanted, err := spec.Parameters()
	if err != nil {
		return nil, false, &Error{Fault: err.Error(), Hint: hintNetwork}
	}
	for i, w := range wanted {
		if t := tensors[i]; t.Name != w.Name || !slices.Equal(t.Shape, w.Shape) {
			return nil, false, &Error{
				Fault: fmt.Sprintf("tensor %q has shape %s, want %s for %d hidden features", t.Name, show(t.Shape), show(w.Shape), a.hidden),
				Hint:  hintNetwork,
			}
		}
	}
	if err := checkFinite(tensors); err != nil {
		return nil, false, err
	}
	if output == joule.OutputF {
		for i := range tensors[len(tensors)-2:] {
			t := &tensors[len(tensors)-2+i]
			values := slices.Clone(t.Data.([]float32))
			for j := range values {
				values[j] = -values[j]
			}
			t.Data = values
		}
	}
	m, err = joule.NewModel(spec, tensors)
	return m, a.guessed, err
}

const hintNetwork = "Joule reads the network that it trains: four convolutions as cnn_layers.0, 2, 4 and 6, " +
	"linear layers as cnn_layers.9 and 11 (or 0, 2 … alone, of the Sequential), and no other layers"

// An architecture is what the shapes of the parameters tell.
type architecture struct {
	hidden  int
	input   lane.Shape
	guessed bool // one of several sizes
}

// infer finds the architecture that has parameters of these shapes, if any
// has: it looks at no more than it needs, and the caller compares all.
func infer(tensors []checkpoint.Tensor, opt Options) (architecture, error) {
	var a architecture
	var first, second, flat, last []int
	for _, s := range []struct {
		to      *[]int
		i, rank int
	}{{&first, 0, 4}, {&second, 2, 4}, {&flat, 8, 2}, {&last, 10, 2}} {
		var err error
		if *s.to, err = shapeOf(tensors[s.i], s.rank); err != nil {
			return a, err
		}
	}
	if last[0] != 1 {
		return a, &Error{Fault: fmt.Sprintf("the network has %d outputs; an energy is one", last[0]), Hint: "Joule reads networks of out_dim=1"}
	}
	a.hidden, a.input.C = second[0], first[1]
	pixels := flat[1] / (2 * a.hidden)
	if flat[1]%(2*a.hidden) != 0 || pixels < 1 {
		return a, &Error{
			Fault: fmt.Sprintf("tensor %q has %d inputs, no multiple of the %d channels below it", tensors[8].Name, flat[1], 2*a.hidden),
			Hint:  hintNetwork,
		}
	}
	err := a.inferSize(pixels, tensors[8].Name, opt)
	return a, err
}

// shapeOf returns the shape of a tensor that must have rank dimensions.
func shapeOf(t checkpoint.Tensor, rank int) ([]int, error) {
	if len(t.Shape) != rank {
		return nil, &Error{Fault: fmt.Sprintf("tensor %q has shape %s, want %d dimensions", t.Name, show(t.Shape), rank), Hint: hintNetwork}
	}
	if slices.Min(t.Shape) < 1 || slices.Max(t.Shape) > 1<<24 {
		return nil, &Error{Fault: fmt.Sprintf("tensor %q has shape %s, which is out of range", t.Name, show(t.Shape)), Hint: hintNetwork}
	}
	return t.Shape, nil
}

// inferSize finds the height and width of the images, of which so many pixels
// are left before the tensor flat: those that the options or the file tell, or
// else a usual square.
func (a *architecture) inferSize(pixels int, flat string, opt Options) error {
	if opt.Height < 0 || opt.Width < 0 || (opt.Height == 0) != (opt.Width == 0) {
		return fmt.Errorf("exchange: images of %d×%d pixels", opt.Height, opt.Width)
	}
	a.input.H, a.input.W = opt.Height, opt.Width
	if t := opt.told; t != nil && t[0] == a.input.C && left(t[1])*left(t[2]) == pixels {
		a.input.H, a.input.W = t[1], t[2]
		return nil
	}
	if a.input.H == 0 {
		for _, side := range usualSides {
			if left(side)*left(side) == pixels {
				a.input.H, a.input.W, a.guessed = side, side, true
				return nil
			}
		}
		return &Error{
			Fault: fmt.Sprintf("the images' size is not known; %d pixels are left of them before %s", pixels, flat),
			Hint:  "give the size, width × height" + squares(pixels),
		}
	}
	if n := left(a.input.H) * left(a.input.W); n != pixels {
		return &Error{
			Fault: fmt.Sprintf("of images of %d×%d pixels %d would be left before %s, but it has inputs for %d", a.input.H, a.input.W, n, flat, pixels),
			Hint:  "give another size, width × height" + squares(pixels),
		}
	}
	return nil
}

// usualSides are what images are most often of, likeliest first where several
// leave the same number of pixels: MNIST's before others.
var usualSides = []int{28, 32, 64, 96, 128, 256, 512}

// maxSide is that of nn.
const maxSide = 4096

// left returns what the default network's four convolutions of stride 2 leave of a
// side: 2 of 28.
func left(side int) int {
	side = (side+2*4-5)/2 + 1
	for range 3 {
		side = (side+2*1-3)/2 + 1
	}
	return side
}

// squares says which square images leave so many pixels.
func squares(pixels int) string {
	lo, hi := 0, 0
	for side := 1; side <= maxSide; side++ {
		if n := left(side); n*n == pixels {
			if lo == 0 {
				lo = side
			}
			hi = side
		}
	}
	if lo == 0 {
		return ""
	}
	return fmt.Sprintf("; squares of %d to %d fit", lo, hi)
}

// show writes a shape as Python does.
func show(shape []int) string {
	text := make([]string, len(shape))
	for i, d := range shape {
		text[i] = strconv.Itoa(d)
	}
	return "[" + strings.Join(text, ", ") + "]"
}
