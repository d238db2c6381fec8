package nn

import (
	"cmp"
	"context"
	"fmt"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// AvgPool2D describes the mean of each channel over squares of kernel × kernel
// pixels, stride apart; a stride of 0 stands for the kernel, so that they lie side
// by side. Pixels that fill no square are left out.
func AvgPool2D(kernel, stride int) LayerSpec {
	return LayerSpec{Type: AvgPool2DType, Kernel: kernel, Stride: stride}
}

// avgPool is y[oy][ox][c] = 1/k² Σ_{ky,kx<k} x[oy·s+ky][ox·s+kx][c].
type avgPool struct {
	in, out        lane.Shape
	kernel, stride int
}

func checkAvgPool2D(l LayerSpec, in input) error {
	switch {
	case in.flat:
		return fmt.Errorf("cannot follow a flatten: write a reshape between")
	case l.Kernel > in.H || l.Kernel > in.W:
		return fmt.Errorf("kernel %d is larger than the image of %d×%d", l.Kernel, in.H, in.W)
	}
	return nil
}

func buildAvgPool2D(l LayerSpec, in input) layer {
	p := avgPool{in: in.Shape, kernel: l.Kernel, stride: cmp.Or(l.Stride, l.Kernel)}
	p.out = lane.Shape{C: in.C, H: (in.H-p.kernel)/p.stride + 1, W: (in.W-p.kernel)/p.stride + 1}
	return p
}

func (p avgPool) Out() lane.Shape { return p.out }

func (p avgPool) savedLen() int { return 0 }

// share is what each pixel of a square counts.
func (p avgPool) share() float32 { return 1 / float32(p.kernel*p.kernel) }

func (p avgPool) Forward(_ context.Context, y, _, x []float32) {
	width := len(x) / p.in.Len()
	w := kernel.Window{Rows: p.kernel, Cols: p.kernel, Row: p.in.W * p.in.C, Col: p.in.C}
	for oy := range p.out.H {
		for ox := range p.out.W {
			from := (oy*p.stride*p.in.W + ox*p.stride) * p.in.C
			kernel.Pool(width, y[(oy*p.out.W+ox)*p.out.C*width:], x[from*width:], p.in.C, w, p.share())
		}
	}
}

// InputGrad sums dy over the squares that a pixel is in.
func (p avgPool) InputGrad(_ context.Context, dx, dy, _, _ []float32) {
	width := len(dx) / p.in.Len()
	// span gives the first of the squares that have input v, and their number.
	span := func(v, outputs int) (first, n int) {
		first = max(0, (v-p.kernel+p.stride)/p.stride)
		return first, min(v/p.stride, outputs-1) - first + 1
	}
	for iy := range p.in.H {
		oy, rows := span(iy, p.out.H)
		for ix := range p.in.W {
			ox, cols := span(ix, p.out.W)
			w := kernel.Window{Rows: rows, Cols: cols, Row: p.out.W * p.out.C, Col: p.out.C}
			from := 0
			if rows > 0 && cols > 0 {
				from = (oy*p.out.W + ox) * p.out.C
			}
			kernel.Pool(width, dx[(iy*p.in.W+ix)*p.in.C*width:], dy[from*width:], p.in.C, w, p.share())
		}
	}
}
