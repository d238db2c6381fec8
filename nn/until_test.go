package nn

import (
	"context"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
)

// A glance is a context that is done after so many looks at it.
type glance struct {
	context.Context
	left int
}

func (g *glance) Err() error {
	if g.left--; g.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestUntil: passes end wherever the context does, and leave nothing behind for
// those that follow.
func TestUntil(t *testing.T) {
	n, err := New(document)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	a, s := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	x := make([]float32, n.Input().BlockLen(lane.Width))
	pass := func(looks int) (energy [lane.Width]float32, dx, grad []float32, left int) {
		ctx, grad := &glance{context.Background(), looks}, make([]float32, n.GradLen())
		a.Until(ctx)
		n.Forward(a, x, energy[:])
		n.ParamGrad(grad, nil, s, a, ones[:])
		return energy, slices.Clone(n.InputGrad(s, a, ones[:])), grad, ctx.left
	}
	const plenty = 1 << 20
	energy, dx, grad, left := pass(plenty)
	all := plenty - left
	if all < 6*len(n.spec.Layers) {
		t.Errorf("%d looks at the context in three passes", all)
	}
	for looks := 0; looks < all; looks += 1 + all/20 {
		if _, _, _, left := pass(looks); left >= 0 {
			t.Errorf("%d looks were too many", looks)
		}
		if e, d, g, _ := pass(plenty); e != energy || !slices.Equal(d, dx) || !slices.Equal(g, grad) {
			t.Fatalf("other bits after passes that ended after %d looks", looks)
		}
	}
	// Nothing is computed once the context is done.
	last := a.values[len(n.layers)]
	last[0] = 12345
	pass(0)
	if last[0] != 12345 {
		t.Error("a pass without time computed an output")
	}
}

func TestPiece(t *testing.T) {
	for _, c := range []struct{ pixels, work, want int }{
		{784, 16 * 25, 784},        // all of an ordinary layer
		{1, 1 << 30, 1},            // one pixel cannot be divided
		{0, 5, 0},                  // nothing
		{9, 0, 9},                  // no taps
		{4096, 256 * 9 * 256, 12},  // whole tiles
		{4096, 1024 * 9 * 1024, 6}, // one tile at least
		{5, 1 << 24, 5},
	} {
		if got := piece(c.pixels, c.work); got != c.want {
			t.Errorf("%d of %d pixels with %d multiply-adds each, want %d", got, c.pixels, c.work, c.want)
		}
	}
}
