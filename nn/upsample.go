package nn

import (
	"context"
	"fmt"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// Upsample describes enlarging an image by a whole factor: each pixel becomes
// factor × factor pixels of the same value (PyTorch's mode nearest).
func Upsample(factor int) LayerSpec { return LayerSpec{Type: UpsampleType, Factor: factor} }

// upsample is y[oy][ox][c] = x[⌊oy/f⌋][⌊ox/f⌋][c].
type upsample struct {
	in     lane.Shape
	factor int
}

func checkUpsample(l LayerSpec, in input) error {
	out := upsample{in.Shape, l.Factor}.Out()
	switch {
	case in.flat:
		return fmt.Errorf("cannot follow a flatten: write a reshape between")
	case out.H > maxSide || out.W > maxSide:
		return fmt.Errorf("gives an image of %d×%d, a side may have %d", out.H, out.W, maxSide)
	}
	return nil
}

func buildUpsample(l LayerSpec, in input) layer { return upsample{in.Shape, l.Factor} }

func (u upsample) Out() lane.Shape {
	return lane.Shape{C: u.in.C, H: u.factor * u.in.H, W: u.factor * u.in.W}
}

func (u upsample) savedLen() int { return 0 }

func (u upsample) Forward(_ context.Context, y, _, x []float32) {
	pixel := u.in.C * (len(x) / u.in.Len())
	row := u.in.W * u.factor * pixel // of y
	for iy := range u.in.H {
		first := y[iy*u.factor*row:][:row]
		for ix := range u.in.W {
			from := x[(iy*u.in.W+ix)*pixel:][:pixel]
			for k := range u.factor {
				copy(first[(ix*u.factor+k)*pixel:], from)
			}
		}
		for k := 1; k < u.factor; k++ {
			copy(y[(iy*u.factor+k)*row:], first)
		}
	}
}

// InputGrad sums dy over the pixels that a pixel became.
func (u upsample) InputGrad(_ context.Context, dx, dy, _, _ []float32) {
	width := len(dx) / u.in.Len()
	w := kernel.Window{Rows: u.factor, Cols: u.factor, Row: u.in.W * u.factor * u.in.C, Col: u.in.C}
	for iy := range u.in.H {
		for ix := range u.in.W {
			from := (iy*u.factor*u.in.W*u.factor + ix*u.factor) * u.in.C
			kernel.Pool(width, dx[(iy*u.in.W+ix)*u.in.C*width:], dy[from*width:], u.in.C, w, 1)
		}
	}
}
