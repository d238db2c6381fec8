package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/cpu"
)

const guard = 12345.5

// guarded returns n values, misaligned by shift floats and fenced by guards,
// and a function that reports whether the fences stand.
func guarded(n, shift int, fill func() float32) ([]float32, func() bool) {
	whole := make([]float32, n+shift+16)
	for i := range whole {
		whole[i] = guard
	}
	v := whole[8+shift : 8+shift+n : 8+shift+n]
	for i := range v {
		v[i] = fill()
	}
	return v, func() bool {
		for _, g := range [][]float32{whole[:8+shift], whole[8+shift+n:]} {
			for _, x := range g {
				if x != guard {
					return false
				}
			}
		}
		return true
	}
}

func TestSelected(t *testing.T) {
	want := "generic"
	switch {
	case purego || forcedGeneric():
	case runtime.GOARCH == "arm64":
		want = "neon"
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA: // never on other processors
		want = "avx2"
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && os.Getenv("JOULE_KERNEL") != "avx2" {
			want = "avx512"
		}
	}
	if Name() != want {
		t.Fatalf("kernels in use: %s, want %s", Name(), want)
	}
}

// TestConv compares the selected kernel with a float64 sum, for every number
// of channels and pixels that takes another path through the tiles.
func TestConv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	normal := func() float32 { return float32(rng.NormFloat64()) }
	for out := 1; out <= 17; out++ {
		for _, pixels := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 17} {
			rows, run := rng.IntN(4), rng.IntN(12)
			if pixels == 9 {
				rows, run = 3, 9
			}
			xStride := run + rng.IntN(3)
			wStride := run + rng.IntN(3)
			taps := Taps{Rows: rows, Run: run, XStride: xStride, W: rng.IntN(3), WStride: wStride}
			w := &Weights{Out: out, Positions: taps.W + rows*wStride + 1}
			w.Data, _ = guarded(out*w.Positions, 0, normal)
			bias, _ := guarded(out, 0, normal)
			nx := (5 + rows*xStride + run) * Width
			x, _ := guarded(nx, out%8, normal)
			y, intact := guarded(pixels*out*Width, pixels%8, func() float32 { return guard })
			px := make([]Pixel, pixels)
			for i := range px {
				px[i] = Pixel{X: int32(rng.IntN(6)), Y: int32((pixels - 1 - i) * out)}
			}
			var mask []float32
			if out%3 == 0 {
				mask, _ = guarded(len(y), 3, normal)
			}
			Conv(Width, y, x, w, bias, mask, taps, px)
			if !intact() {
				t.Fatalf("%d channels, %d pixels: wrote outside y", out, pixels)
			}
			for _, p := range px {
				for o := range out {
					for l := range Width {
						sum, mag := float64(bias[o]), math.Abs(float64(bias[o]))
						for r := range rows {
							for i := range run {
								wv := w.Data[w.Index(o, taps.W+r*wStride+i)]
								v := float64(wv) * float64(x[(int(p.X)+r*xStride+i)*Width+l])
								sum += v
								mag += math.Abs(v)
							}
						}
						if mask != nil {
							m := float64(mask[(int(p.Y)+o)*Width+l])
							sum, mag = sum*m, mag*math.Abs(m)
						}
						got := float64(y[(int(p.Y)+o)*Width+l])
						if bound := float64(rows*run+2) * 6e-8 * mag; !(math.Abs(got-sum) <= bound) {
							t.Fatalf("%d channels, %d pixels, %d×%d taps: channel %d lane %d = %v, want %v ± %v", out, pixels, rows, run, o, l, got, sum, bound)
						}
					}
				}
			}
		}
	}
}

// A pixel's bits must not depend on the tile it falls into.
func TestConvGrouping(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	normal := func() float32 { return float32(rng.NormFloat64()) }
	const pixels, run = 17, 19
	for _, width := range widths() {
		for _, out := range []int{13, 15, 23} {
			w := &Weights{Out: out, Positions: run}
			w.Data, _ = guarded(out*run, 0, normal)
			bias, _ := guarded(out, 0, normal)
			x, _ := guarded((pixels+run)*width, 0, normal)
			whole := make([]float32, pixels*out*width)
			single := make([]float32, pixels*out*width)
			taps := Taps{Rows: 1, Run: run}
			var px []Pixel
			for i := range pixels {
				px = append(px, Pixel{X: int32(i), Y: int32(i * out)})
				Conv(width, single, x, w, bias, nil, taps, px[i:])
			}
			Conv(width, whole, x, w, bias, nil, taps, px)
			if !sameBits(whole, single) {
				t.Fatalf("%d lanes, %d channels: pixels alone have other bits than together", width, out)
			}
		}
	}
}

func TestConvKeepsNonFinite(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		for out := 1; out <= 9; out++ {
			w := &Weights{Out: out, Positions: 5, Data: make([]float32, out*5)}
			x := make([]float32, 5*Width)
			x[3*Width+2] = bad // times a zero weight is NaN all the same
			y := make([]float32, out*Width)
			Conv(Width, y, x, w, make([]float32, out), nil, Taps{Rows: 1, Run: 5}, []Pixel{{}})
			for o := range out {
				for l := range Width {
					if v := y[o*Width+l]; (l == 2) != (v != v) {
						t.Fatalf("%v in lane 2 of the input: channel %d lane %d is %v", bad, o, l, v)
					}
				}
			}
		}
	}
}

func TestOuter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	normal := func() float32 { return float32(rng.NormFloat64()) }
	for no := 1; no <= 4; no++ {
		for _, ni := range []int{1, 2, 3, 4, 5, 8, 11} {
			for rows := 1; rows <= 4; rows++ {
				for cols := 1; cols <= 5; cols++ {
					r := Rect{Rows: rows, Cols: cols, DyCol: no + rng.IntN(2), XCol: 1 + rng.IntN(ni+2)}
					r.DyRow = r.DyCol*cols + rng.IntN(2)
					r.XRow = r.XCol*cols + rng.IntN(2)
					dy, _ := guarded(r.DyRow*rows*Width, rows, normal)
					x, _ := guarded((r.XRow*rows+ni)*Width, cols, normal)
					grad, intact := guarded(4*ni, ni%8, func() float32 { return 0.5 })
					Outer(grad, nil, dy, x, no, ni, r)
					if !intact() {
						t.Fatalf("%d×%d: wrote outside grad", no, ni)
					}
					for k, got := range grad {
						o, i := k%4, k/4
						if o >= no {
							if got != 0.5 {
								t.Fatalf("%d×%d: changed entry %d", no, ni, k)
							}
							continue
						}
						want, mag := 0.5, 0.5
						for a := range rows {
							for b := range cols {
								for l := range Width {
									v := float64(dy[(a*r.DyRow+b*r.DyCol+o)*Width+l]) * float64(x[(a*r.XRow+b*r.XCol+i)*Width+l])
									want += v
									mag += math.Abs(v)
								}
							}
						}
						if bound := float64(rows*cols+5) * 6e-8 * mag; !(math.Abs(float64(got)-want) <= bound) {
							t.Fatalf("%d×%d over %d×%d: entry %d = %v, want %v ± %v", no, ni, rows, cols, k, got, want, bound)
						}
					}
				}
			}
		}
	}
}

func BenchmarkConv(b *testing.B) {
	// The default network's layers: channels in, channels out, interior pixels, taps.
	for _, c := range []struct{ in, out, pixels, k int }{{1, 16, 12, 5}, {16, 32, 48, 3}, {32, 64, 9, 3}, {64, 64, 1, 3}, {64, 1, 144, 2}} {
		b.Run(fmt.Sprintf("%d→%d,%dpx,%d×%d", c.in, c.out, c.pixels, c.k, c.k), func(b *testing.B) {
			w := &Weights{Out: c.out, Positions: c.k * c.k * c.in}
			w.Data = make([]float32, c.out*w.Positions)
			bias := make([]float32, c.out)
			x := make([]float32, (c.pixels+2*c.k)*c.in*Width*c.k)
			y := make([]float32, c.pixels*c.out*Width)
			px := make([]Pixel, c.pixels)
			for i := range px {
				px[i] = Pixel{X: int32(i * c.in), Y: int32(i * c.out)}
			}
			t := Taps{Rows: c.k, Run: c.k * c.in, XStride: (c.pixels + c.k) * c.in, WStride: c.k * c.in}
			for b.Loop() {
				Conv(Width, y, x, w, bias, nil, t, px)
			}
			flop := 2 * float64(Width*c.pixels*c.out*w.Positions)
			b.ReportMetric(flop*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
