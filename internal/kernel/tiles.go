//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

func convQuads(width int, y, x []float32, q *Quads, mask []float32, px []Pixel) {
	if !assembled(width) {
		quadsGeneric(width, y, x, q, mask, px)
		return
	}
	if len(px) == 0 {
		return
	}
	n, vec := q.Taps(), 4*width
	a := tile{
		y: unsafe.Pointer(&y[0]), x: unsafe.Pointer(&x[0]), w: unsafe.Pointer(&q.Data[0]),
		blocks: q.Channels, wBlock: 4 * 4 * n * n * q.Depth,
		rows: n, run: n * q.Depth, xSkip: vec * (q.XStride - n*q.Depth),
		yRow: vec * q.YStride, yCol: vec * q.Channels,
	}
	if mask != nil {
		a.mask = unsafe.Pointer(&mask[0])
	}
	if q.Kernel%2 == 1 {
		a.rows, a.first, a.run = n-1, q.Depth, (n-1)*q.Depth
	}
	several, one := squares(width)
	if len(px) >= tilePixels[several] {
		convAll(&a, px, several)
	} else {
		convPixels(&a, px, one)
	}
}

// convWhole runs whole tiles and returns the pixels that are left.
func convWhole(a *tile, px []Pixel, shape int) []Pixel {
	n := tilePixels[shape]
	whole := len(px) / n * n
	convPixels(a, px[:whole], shape)
	return px[whole:]
}

// convAll runs all pixels, which fill a tile at least. The last tile may compute
// some a second time.
func convAll(a *tile, px []Pixel, shape int) {
	if left := convWhole(a, px, shape); len(left) > 0 {
		convPixels(a, px[len(px)-tilePixels[shape]:], shape)
	}
}
