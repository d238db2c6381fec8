package kernel

import "strings"

// A block is Width or MaxWidth images side by side: the float32 lanes of one AVX
// or AVX-512 register. The image index is the innermost of every array here, and
// a vector is one value of each image of a block. Where a kernel does not say
// otherwise, each lane gets the same bits in blocks of both widths.
const (
	Width    = 8
	MaxWidth = 16
)

// SameBits reports whether the kernels of two names compute the same bits, so far
// as is known: those in assembly do.
func SameBits(a, b string) bool { return a == b || inAssembly(a) && inAssembly(b) }

func inAssembly(name string) bool { return name == "neon" || strings.HasPrefix(name, "avx") }

// A Pixel locates one output of a convolution: X is the offset of the first
// input it reads, Y of the first output channel it writes, in vectors.
type Pixel struct{ X, Y int32 }

// Taps are the inputs that a set of pixels read relative to their X: Rows runs
// of Run vectors, XStride vectors apart; the weights that belong to them begin
// at position W and are WStride positions apart.
type Taps struct {
	Rows, Run  int
	XStride    int
	W, WStride int
}

// Weights are packed for Conv: for each block of four output channels all
// positions × 4, then for each channel left over all positions × 1. A
// position is one tap of one input channel.
type Weights struct {
	Out, Positions int
	Data           []float32 // Out × Positions
}

// Index returns where the weight of an output channel and a position stands
// in w.Data.
func (w *Weights) Index(out, position int) int {
	if out < w.Out&^3 {
		return out&^3*w.Positions + position*4 + out&3
	}
	return out*w.Positions + position
}

// Conv computes a convolution, or its input gradient, for pixels that share
// their taps, on a block of the given width:
//
//	y[p.Y+o][l] = bias[o] + Σ_{r<Rows} Σ_{i<Run} w(o, W+r·WStride+i) · x[p.X+r·XStride+i][l]
//
// for every pixel p, output channel o and lane l, and multiplies it by the
// element of mask in the same place, where mask is not nil. Terms are added in
// that order, so a result does not depend on how pixels are grouped.
func Conv(width int, y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	checkWidth(width)
	conv(width, y, x, w, bias, mask, t, px)
}

func checkWidth(width int) {
	if width != Width && width != MaxWidth {
		panic("kernel: a block that is neither eight nor sixteen wide")
	}
}

// Outer adds the gradient of a strip of weights between no ≤ 4 channels o of
// dy and ni vectors i that follow one another in x (channels, and neighbouring
// pixels' channels), over a rectangle of output pixels:
//
//	grad[4i+o] += Σ_l Σ_{r<rows} Σ_{c<cols} dy[r·dyRow+c·dyCol+o][l] · x[r·xRow+c·xCol+i][l]
//
// The lanes l are summed last, by the tree ((0+1)+(2+3))+((4+5)+(6+7)).
// Entries of grad without a channel stay as they are.
//
// Where high is nil, blocks are Width wide. Otherwise they are MaxWidth wide: the
// lower lanes are summed into grad and then the upper ones into high, each by that
// tree. Both may be the same slice. A block then gives the bits of two blocks,
// one after the other.
func Outer(grad, high, dy, x []float32, no, ni int, r Rect) {
	OuterPart(grad, high, dy, x, no, ni, r, Part{})
}

// OuterPart is Outer over a rectangle that is a part of the rows of a larger one.
// Called for one part after the other, from the first rows on, it gives the bits of
// Outer over the whole.
func OuterPart(grad, high, dy, x []float32, no, ni int, r Rect, p Part) {
	if no < 1 || no > 4 || ni < 1 || r.Rows < 1 || r.Cols < 1 || len(grad) < 4*ni || high != nil && len(high) < 4*ni {
		panic("kernel: Outer of an impossible strip")
	}
	width := Width
	if high != nil {
		width = MaxWidth
	}
	if (p.Begun || p.GoesOn) && len(p.Sums) < 4*ni*width {
		panic("kernel: OuterPart without room for its sums")
	}
	outer(grad, high, dy, x, no, ni, r, p)
}

// A Part says where a rectangle stands among those of one gradient.
type Part struct {
	// Sums keeps what one part leaves to the next: 4·ni vectors, a sum for each
	// lane, in an order of the kernel's own.
	Sums   []float32
	Begun  bool // another part came before
	GoesOn bool // another one follows; until then the gradient stays as it is
}

// A Rect is a rectangle of output pixels and the strides, in vectors, between
// its rows and columns in dy and x.
type Rect struct {
	Rows, Cols   int
	DyRow, DyCol int
	XRow, XCol   int
}
