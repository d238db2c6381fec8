package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOuterPart holds a rectangle in parts to the bits of the whole.
func TestOuterPart(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for _, width := range widths() {
		for no := 1; no <= 4; no++ {
			for ni := 1; ni <= 20; ni++ {
				for rows := 1; rows <= 4; rows++ {
					partsAgree(t, rng, width, no, ni, rows)
				}
			}
		}
	}
}

func partsAgree(t *testing.T, rng *rand.Rand, width, no, ni, rows int) {
	t.Helper()
	fill := every(rng, 2000)
	r := Rect{Rows: rows, Cols: 1 + rng.IntN(5), DyCol: 4 + rng.IntN(3), XCol: ni + rng.IntN(3)}
	r.DyRow, r.XRow = r.Cols*r.DyCol+rng.IntN(4), r.Cols*r.XCol+rng.IntN(4)
	dy, _ := guarded((r.Rows*r.DyRow+4)*width, rng.IntN(16), fill)
	x, _ := guarded((r.Rows*r.XRow+ni)*width, rng.IntN(16), fill)
	low, intact := guarded(4*ni, rng.IntN(16), fill)
	sums, room := guarded(4*ni*width, rng.IntN(16), fill)
	wantLow := slices.Clone(low)
	var high, wantHigh []float32
	if width == MaxWidth {
		high, wantHigh = slices.Clone(low), slices.Clone(low)
	}
	Outer(wantLow, wantHigh, dy, x, no, ni, r)
	start := slices.Clone(low)
	for done := 0; done < rows; done += r.Rows {
		r.Rows = 1 + rng.IntN(rows-done)
		p := Part{Sums: sums, Begun: done > 0, GoesOn: done+r.Rows < rows}
		OuterPart(low, high, dy[done*r.DyRow*width:], x[done*r.XRow*width:], no, ni, r, p)
		if p.GoesOn && !sameBits(low, start) {
			t.Fatalf("%d lanes, %d×%d: a part that goes on changed the gradient", width, no, ni)
		}
	}
	if !intact() || !room() {
		t.Fatalf("%d lanes, %d×%d: wrote outside", width, no, ni)
	}
	if !sameBits(low, wantLow) || !sameBits(high, wantHigh) {
		t.Fatalf("%d lanes, %d×%d, %d rows: parts differ from the whole", width, no, ni, rows)
	}
}
