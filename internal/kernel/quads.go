package kernel

// Quads are the weights of the input gradient of a convolution of stride two with
// few inputs, for squares of 2 × 2 of its pixels. With the stride each of the four
// needs a convolution of its own (Conv), but all read the same part of x, the
// gradient of the output, which these read once.
type Quads struct {
	Channels int // of y, the gradient that is computed
	Depth    int // channels of x
	Kernel   int // size of the convolution's square kernel, at least 2
	XStride  int // vectors from a row of x to the next
	YStride  int // vectors from a row of y to the next
	// Data is [Channels][n][n][Depth][4], where n = ⌈Kernel/2⌉: for each vector of
	// x that a square reads, its weights to the four outputs, the upper ones first.
	Data []float32
}

// Taps returns the number of rows, and of columns, of x that a square reads. Where
// the kernel is odd, the first row belongs to the upper outputs alone and the first
// column to the left ones.
func (q *Quads) Taps() int { return (q.Kernel + 1) / 2 }

// Skip returns the first row and the first column of x that an output reads.
func (q *Quads) Skip(output int) (row, col int) {
	odd := q.Kernel % 2
	return output / 2 * odd, output % 2 * odd
}

// ConvQuads sets
//
//	y[p.Y+u·YStride+v·Channels+i][l] = Σ_a Σ_b Σ_o w[i][a][b][o][2u+v] · x[p.X+a·XStride+b·Depth+o][l]
//
// for every square p, output u, v of it, channel i and lane l, over the rows a and
// columns b that this output reads. Terms are added in that order, so that results
// have the bits of Conv's. It multiplies by mask as Conv does.
func ConvQuads(width int, y, x []float32, q *Quads, mask []float32, px []Pixel) {
	checkWidth(width)
	if n := q.Taps(); q.Kernel < 2 || q.Channels < 1 || q.Depth < 1 || len(q.Data) != q.Channels*n*n*q.Depth*4 {
		panic("kernel: ConvQuads of impossible weights")
	}
	convQuads(width, y, x, q, mask, px)
}

func quadsGeneric(width int, y, x []float32, q *Quads, mask []float32, px []Pixel) {
	n := q.Taps()
	for i := range q.Channels {
		for output := range 4 {
			row, col := q.Skip(output)
			weights := q.Data[i*n*n*q.Depth*4+output:]
			t := Taps{Rows: n - row, Run: (n - col) * q.Depth, XStride: q.XStride, W: (row*n + col) * q.Depth, WStride: n * q.Depth}
			for _, p := range px {
				from := int(p.X) + row*q.XStride + col*q.Depth
				to := int(p.Y) + output/2*q.YStride + output%2*q.Channels + i
				for first := 0; first < width; first += Width {
					acc := convEight(x[from*width+first:], weights, 0, width, 4, &t)
					finish(y, mask, to*width+first, &acc)
				}
			}
		}
	}
}
