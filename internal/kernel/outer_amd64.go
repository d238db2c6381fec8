//go:build !purego

package kernel

import "unsafe"

// strip is what the assembly of Outer reads; strides are in bytes.
type strip struct {
	grad, dy, x  unsafe.Pointer
	tiles        int
	rows, cols   int
	dyRow, dyCol int
	xRow, xCol   int
	high         unsafe.Pointer // of wide blocks
	sums         unsafe.Pointer // of a part
	begun        bool           // sums has those of parts before
	goesOn       bool           // leave the sums there
	sumsNow      uintptr        // scratch, see tile
}

func outer(grad, high, dy, x []float32, no, ni int, r Rect, p Part) {
	width := Width
	if high != nil {
		width = MaxWidth
	}
	if no < 4 || !assembled(width) {
		outerGeneric(grad, high, dy, x, no, ni, r, p)
		return
	}
	vec := 4 * width
	s := strips{
		strip: strip{
			dy: unsafe.Pointer(&dy[0]), rows: r.Rows, cols: r.Cols,
			dyRow: vec * r.DyRow, dyCol: vec * r.DyCol, xRow: vec * r.XRow, xCol: vec * r.XCol,
			begun: p.Begun, goesOn: p.GoesOn,
		},
		low: grad, upper: high, inputs: x,
	}
	if p.Begun || p.GoesOn {
		s.kept = p.Sums
	}
	if high != nil {
		s.wide(ni)
	} else {
		s.narrow(ni)
	}
}

// strips are what Outer was asked for.
type strips struct {
	strip
	low, upper, inputs []float32
	kept               []float32
}

// at points s at an input and tiles from there on.
func (s *strips) at(i, tiles int) *byte {
	width := Width
	if s.upper != nil {
		width = MaxWidth
		s.high = unsafe.Pointer(&s.upper[4*i])
	}
	s.grad, s.x, s.tiles = unsafe.Pointer(&s.low[4*i]), unsafe.Pointer(&s.inputs[i*width]), tiles
	if s.kept != nil {
		s.sums = unsafe.Pointer(&s.kept[4*i*width])
	}
	return (*byte)(unsafe.Pointer(&s.strip))
}

func (s *strips) narrow(ni int) {
	i := 0 // done
	if level == avx512 {
		if i = ni / 6 * 6; i > 0 {
			outer4x6AVX512(s.at(0, i/6))
		}
	}
	if left := ni - i; left >= 3 {
		outer4x3(s.at(i, left/3))
	}
	switch ni % 3 {
	case 1:
		outer4x1(s.at(ni-1, 1))
	case 2:
		outer4x2(s.at(ni-2, 1))
	}
}

func (s *strips) wide(ni int) {
	if sixes := ni / 6; sixes > 0 {
		wideOuter4x6AVX512(s.at(0, sixes))
	}
	if ni%6 >= 3 {
		wideOuter4x3AVX512(s.at(ni/6*6, 1))
	}
	switch ni % 3 {
	case 1:
		wideOuter4x1AVX512(s.at(ni-1, 1))
	case 2:
		wideOuter4x2AVX512(s.at(ni-2, 1))
	}
}
