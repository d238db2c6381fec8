package nn

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
)

// divided builds a network whose layers are divided into bands of so many bytes at
// most, at least a row each; as a whole where that is 0.
func divided(t *testing.T, s Spec, bytes int) *Network {
	t.Helper()
	whole := []int{farBytes, bandBytes, farPixels, pixelBytes, pixelsOfSum}
	defer func() {
		farBytes, bandBytes, farPixels, pixelBytes, pixelsOfSum = whole[0], whole[1], whole[2], whole[3], whole[4]
	}()
	if bytes > 0 {
		farBytes, bandBytes, farPixels, pixelBytes, pixelsOfSum = 0, bytes, 0, bytes, 0
	}
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := n.layers[0].(*conv); ok && c.kh < c.in.H && bytes == 1 && (c.backward.band != c.in.W*c.in.C || c.gradRows != 1) {
		t.Fatalf("bands of %d vectors and of %d rows, not of one row", c.backward.band, c.gradRows)
	}
	n.Init(5)
	return n
}

// Bands change no bit of outputs and gradients.
func TestBands(t *testing.T) {
	specs := map[string]Spec{"document": document}
	maps.Copy(specs, networks)
	maps.Copy(specs, severalOutputs)
	for name, s := range specs {
		for _, width := range []int{lane.Width, lane.Max} {
			var want [][]float32
			for _, bytes := range []int{0, 1, 8 << 10, 32 << 10} {
				got := everything(divided(t, s, bytes), width)
				if want == nil {
					want = got
				}
				for i := range want {
					if !slices.Equal(got[i], want[i]) {
						t.Errorf("%s, %d lanes, bands of %d bytes: result %d differs", name, width, bytes, i)
					}
				}
			}
		}
	}
}

// everything returns all outputs of a network and both gradients.
func everything(n *Network, width int) (results [][]float32) {
	rng := rand.New(rand.NewPCG(7, 8))
	a, s := n.NewActivations(width), n.NewScratch(width)
	var cotangents [][]float32
	n.Run(a, noise(rng, n.Input().BlockLen(width)))
	for o := range n.Outputs() {
		results = append(results, slices.Clone(n.Value(a, o)))
		cotangents = append(cotangents, noise(rng, n.OutputShape(o).BlockLen(width)))
	}
	results = append(results, slices.Clone(n.OutputInputGrad(s, a, cotangents)))
	grad := make([]float32, n.GradLen())
	high := grad
	if width == lane.Width {
		high = nil
	}
	n.OutputParamGrad(grad, high, s, a, cotangents)
	return append(results, grad)
}
