package nn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// dropped runs a network of two dropouts whose outputs are what each gives, and
// returns what each multiplied the images by.
func dropped(t *testing.T, width int, x []float32, seed uint64, chains []uint32, step uint32) (first, second []float32) {
	t.Helper()
	in := lane.Shape{C: 3, H: 5, W: 3}
	n, err := New(outputs(spec(in, Dropout(0.5), Dropout(0.25)), Output{"a", 0}, Output{"b", 1}))
	if err != nil {
		t.Fatal(err)
	}
	a := n.NewActivations(width)
	lane.Pack(a.Input(), x, in)
	a.Drop(random.Stream{Seed: seed, Purpose: random.Dropout}, chains, step)
	n.Run(a, a.Input())
	if grad := n.OutputInputGrad(n.NewScratch(width), a, [][]float32{a.Input(), nil}); len(x) == in.Len()*width {
		for i, v := range n.Value(a, 0) {
			if v != grad[i] {
				t.Fatalf("value %d is %v, its gradient %v", i, v, grad[i])
			}
		}
	}
	first, second = make([]float32, len(x)), make([]float32, len(x))
	lane.Unpack(first, n.Value(a, 0), in)
	lane.Unpack(second, n.Value(a, 1), in)
	for i, v := range first {
		if v != 0 && v != 2*x[i] || second[i] != 0 && second[i] != v*float32(1/0.75) {
			t.Fatalf("%v became %v and %v", x[i], v, second[i])
		}
	}
	a.KeepAll()
	n.Run(a, a.Input())
	if !slices.Equal(n.Value(a, 1), a.Input()) {
		t.Error("values change with nothing dropped")
	}
	return first, second
}

// What is dropped depends on stream, chain, step and layer, and on nothing else.
func TestDropout(t *testing.T) {
	x := noise(rand.New(rand.NewPCG(5, 6)), 16*45)
	chains := make([]uint32, 16)
	for l := range chains {
		chains[l] = uint32(3 * l)
	}
	wide, twice := dropped(t, lane.Max, x, 1, chains, 2)
	low, _ := dropped(t, lane.Width, x[:8*45], 1, chains[:8], 2)
	high, _ := dropped(t, lane.Width, x[8*45:], 1, chains[8:], 2)
	if !slices.Equal(wide, append(low, high...)) {
		t.Error("a wide block drops other values than two narrow ones")
	}
	one, _ := dropped(t, lane.Width, x[5*45:6*45], 1, chains[5:6], 2)
	if !slices.Equal(one, wide[5*45:6*45]) {
		t.Error("a chain in another lane drops other values")
	}
	zeros := func(v []float32) (n int) {
		for _, v := range v {
			if v == 0 {
				n++
			}
		}
		return n
	}
	// Of 720 values 360 and then 450 are zero, with standard deviations of 13.4 and 13.
	if n, m := zeros(wide), zeros(twice); n < 300 || n > 420 || m < 390 || m > 510 {
		t.Errorf("%d and then %d of 720 values are dropped", n, m)
	}
	for what, other := range map[string][]float32{
		"seed":   first(dropped(t, lane.Max, x, 2, chains, 2)),
		"step":   first(dropped(t, lane.Max, x, 1, chains, 3)),
		"chains": first(dropped(t, lane.Max, x, 1, chains[1:], 2)),
	} {
		if slices.Equal(other, wide) {
			t.Errorf("another %s drops the same values", what)
		}
	}
}

func first(a, _ []float32) []float32 { return a }
