package replay

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

var precisions = []string{Float32, Float16, Uint8}

// large has four images of a chunk in float32.
var large = lane.Shape{C: 1, H: 256, W: 256}

// noisy returns a buffer of large images with n images put into it.
func noisy(precision string, size, extra, n int) *Buffer {
	b := New(large, Config{Size: size, Precision: precision, Policy: FIFO}, Restart{Uniform: 1}, -1, 1, extra)
	for i := range n {
		b.addNoise(1, uint32(i))
	}
	return b
}

// addNoise adds n images of some noise, each of its own.
func (b *Buffer) addNoise(n int, step uint32) {
	images := make([]float32, n*b.size)
	for i := range images {
		w := (uint32(i) + step*1e6) * 2654435761
		images[i] = b.lo + (b.hi-b.lo)*float32(w>>8)/(1<<24)
	}
	b.Add(images, random.Stream{Seed: 3, Purpose: random.Reservoir}, step)
}

// all returns all images of the buffer.
func (b *Buffer) all() (v []float32) {
	for i := range b.n {
		v = append(v, b.image(i)...)
	}
	return v
}

// TestLevels: a level stays itself whatever the dither, and what lies between two
// becomes one of them, in the mean itself.
func TestLevels(t *testing.T) {
	for _, r := range [][2]float32{{-1, 1}, {0, 1}, {-3, 3.5}, {1e-3, 1.01e-3}, {-1e6, 1e6}} {
		l := newLevels(r[0], r[1])
		if l.values[0] != r[0] || l.values[255] != r[1] || !slices.IsSorted(l.values[:]) {
			t.Errorf("levels of %v begin with %v and end with %v", r, l.values[0], l.values[255])
		}
		got := make([]uint8, 256)
		for step := range uint32(200) {
			d := dither{random.Stream{Seed: 1, Purpose: random.Dither}, 7, step}
			if step == 0 {
				d = dither{}
			}
			l.encode(got, l.values[:], d)
			for i, v := range got {
				if int(v) != i {
					t.Fatalf("level %d of %v becomes %d", i, r, v)
				}
			}
		}
	}
	l := newLevels(-1, 1)
	src := []float32{float32(math.NaN()), float32(math.Inf(-1)), -1.1, 1.1, float32(math.Inf(1)), 0.5 / 127.5, 0.499, -0.001}
	got := make([]uint8, len(src))
	l.encode(got, src, dither{})
	if want := []uint8{0, 0, 0, 255, 255, 128, 191, 127}; !slices.Equal(got, want) {
		t.Errorf("%v become %v, want %v", src, got, want)
	}
	const n = 100000
	at := slices.Repeat([]float32{-1 + (10+0.3)/127.5}, n)
	dst := make([]uint8, n)
	l.encode(dst, at, dither{random.Stream{Seed: 1, Purpose: random.Dither}, 0, 0})
	up := 0
	for _, v := range dst {
		if v == 11 {
			up++
		} else if v != 10 {
			t.Fatalf("a value between 10 and 11 becomes %d", v)
		}
	}
	// 0.3 as a part of 256 is off by up to 1/512; the deviation is 0.0015.
	if share := float64(up) / n; math.Abs(share-0.3) > 0.008 {
		t.Errorf("%.4f of the values at 10.3 become 11", share)
	}
}

// TestSlowChain: a chain that moves by a tenth of a level in a training step gets
// where it would get in float32. Rounded to the nearest it would never move.
func TestSlowChain(t *testing.T) {
	const steps, drift, size = 300, 0.1 / 127.5, 64
	b := New(lane.Shape{C: 1, H: 8, W: 8}, Config{Size: 1, Precision: Uint8, Policy: FIFO}, Restart{Uniform: 1}, -1, 1, 0)
	s, x := random.Stream{Seed: 5, Purpose: random.Reservoir}, make([]float32, size)
	stuck, l := make([]float32, size), newLevels(-1, 1)
	bytes := make([]uint8, size)
	b.Set(0, x)
	for step := range uint32(steps) {
		b.Draw(x, x, 0, s, step)
		for i := range x {
			x[i] += drift
			stuck[i] += drift
		}
		b.Add(x, s, step)
		l.encode(bytes, stuck, dither{})
		l.decode(stuck, bytes)
	}
	mean := 0.0
	for _, v := range x {
		mean += float64(v) / size
	}
	// Each step adds a deviation of up to 0.3 levels to a pixel: 5.2 after 300,
	// 0.65 in the mean of 64.
	if moved := (mean + 0.5/127.5) * 127.5; math.Abs(moved-steps*0.1) > 3 {
		t.Errorf("moved by %.2f levels, want %.1f", moved, steps*0.1)
	}
	if stuck[0] > 0.01 {
		t.Errorf("without dithering it comes to %v", stuck[0])
	}
}

// TestMarksOfPrecisions: going back restores every bit, wherever chunks end, and so
// does a file.
func TestMarksOfPrecisions(t *testing.T) {
	for _, precision := range precisions {
		for _, policy := range []string{FIFO, Reservoir} {
			b := New(large, Config{Size: 11, Precision: precision, Policy: policy}, Restart{Uniform: 1}, -1, 1, 2*3*2)
			for step := range uint32(5) {
				b.addNoise(4, step)
				want, m := b.all(), b.Mark()
				b.addNoise(3, 100+step)
				if slices.Equal(b.all(), want) {
					t.Fatalf("%s, %s: adding changes nothing", precision, policy)
				}
				loaded, mark := reload(t, b, precision, policy, m)
				b.addNoise(2, 200+step)
				b.Back(m)
				loaded.Back(mark)
				if !slices.Equal(b.all(), want) || !slices.Equal(loaded.all(), want) {
					t.Fatalf("%s, %s: other images", precision, policy)
				}
			}
		}
	}
}

// written returns what a file holds of tensors.
func written(t *testing.T, f *checkpoint.File) *checkpoint.File {
	t.Helper()
	path := t.TempDir() + "/f"
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	f, err := checkpoint.ReadHalves(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// reload returns a buffer with a mark that b was saved in, and compares the two.
func reload(t *testing.T, b *Buffer, precision, policy string, m Mark) (*Buffer, Mark) {
	t.Helper()
	f := &checkpoint.File{}
	b.Save(f)
	b.SaveMark(f, "guard.0.", m)
	b.SaveOlder(f, []Mark{m})
	f = written(t, f)
	loaded := New(large, Config{Size: b.limit, Precision: precision, Policy: policy}, Restart{Uniform: 1}, -1, 1, b.room-b.limit)
	if err := loaded.Load(f); err != nil {
		t.Fatal(err)
	}
	if err := loaded.LoadOlder(f); err != nil {
		t.Fatal(err)
	}
	mark, ok, err := loaded.LoadMark(f, "guard.0.", b.Age(m), m.Len())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if !slices.Equal(loaded.all(), b.all()) {
		t.Fatalf("%s, %s: a file has other images", precision, policy)
	}
	return loaded, mark
}

// TestPrecisionFiles: a file has the type of the precision, and another precision
// reads it with no more than its own rounding.
func TestPrecisionFiles(t *testing.T) {
	types := map[string]string{Float32: "F32", Float16: "F16", Uint8: "U8"}
	errs := map[string]float64{Float32: 0, Float16: 0x1p-12, Uint8: 1.01 / 255}
	for _, from := range precisions {
		b := noisy(from, 6, 0, 9)
		f := &checkpoint.File{}
		b.Save(f)
		path := t.TempDir() + "/f"
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
		if h, err := checkpoint.ReadHeader(path); err != nil || h.Tensors[0].DType != types[from] {
			t.Errorf("%s is written as %v, %v", from, h.Tensors, err)
		}
		for _, to := range precisions {
			for _, hi := range []float32{1, 1.5} { // the range of pixels may have changed
				loaded := New(large, Config{Size: 8, Precision: to, Policy: FIFO}, Restart{Uniform: 1}, -1, hi, 0)
				if err := loaded.Load(written(t, f)); err != nil {
					t.Fatal(err)
				}
				most := errs[to]
				if from == to && hi == 1 {
					most = 0
				} else if to == Uint8 {
					most *= float64(hi+1) / 2
				}
				want := b.all()
				for i, v := range loaded.all() {
					if d := math.Abs(float64(v - want[i])); d > most {
						t.Fatalf("%s to %s: %v becomes %v", from, to, want[i], v)
					}
				}
			}
		}
	}
}

// TestDamagedLevels: levels without a range, or with an impossible one, are no buffer.
func TestDamagedLevels(t *testing.T) {
	b := noisy(Uint8, 2, 0, 2)
	for _, r := range [][]float32{nil, {1, 1}, {float32(math.NaN()), 1}, {-math.MaxFloat32, math.MaxFloat32}, {1}} {
		f := &checkpoint.File{}
		b.Save(f)
		f.Tensors = f.Tensors[:1]
		if r != nil {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "replay.range", Shape: []int{len(r)}, Data: r})
		}
		if err := noisy(Uint8, 2, 0, 0).Load(written(t, f)); err == nil {
			t.Errorf("a range of %v is taken", r)
		}
	}
}

// TestGrows: a buffer takes memory as it fills, up to what all of its images need.
func TestGrows(t *testing.T) {
	for _, precision := range precisions {
		b, blank := noisy(precision, 40, 10, 0), make([]float32, large.Len())
		taken := func() (n int) {
			var f checkpoint.File
			switch s := b.images.(type) {
			case *chunks[float32]:
				f.Tensors = []checkpoint.Tensor{{Name: "a", Data: s.list}}
			case *chunks[checkpoint.Half]:
				f.Tensors = []checkpoint.Tensor{{Name: "a", Data: s.list}}
			case *chunks[uint8]:
				f.Tensors = []checkpoint.Tensor{{Name: "a", Data: s.list}}
			}
			return values(f.Tensors[0].Data)
		}
		image, width := large.Len(), Config{Precision: precision}.ValueBytes()
		if n := taken(); n != 0 {
			t.Errorf("%s: an empty buffer takes %d values", precision, n)
		}
		for i := range 55 {
			b.Add(blank, random.Stream{}, 0)
			most := min(50*image, (i+1)*image+2*chunkBytes/width)
			if n := taken(); n < min(i+1, 50)*image || n > most {
				t.Fatalf("%s: %d images take %d values, want up to %d", precision, i+1, n, most)
			}
		}
	}
}

func values(chunks any) (n int) {
	switch list := chunks.(type) {
	case [][]float32:
		n = len(slices.Concat(list...))
	case [][]checkpoint.Half:
		n = len(slices.Concat(list...))
	case [][]uint8:
		n = len(bytes.Join(list, nil))
	}
	return n
}

// TestDrawAndAddAllocateNothing once the buffer is full.
func TestDrawAndAddAllocateNothing(t *testing.T) {
	for _, precision := range precisions {
		b := noisy(precision, 8, 4, 12)
		x, step := make([]float32, 2*b.size), uint32(0)
		if n := testing.AllocsPerRun(5, func() {
			b.Draw(x, x, 0.5, random.Stream{Seed: 1}, step)
			b.Add(x, random.Stream{Seed: 1}, step)
			step++
		}); n != 0 {
			t.Errorf("%s: %v allocations", precision, n)
		}
	}
}

// BenchmarkPrecision draws and adds a batch of the default size.
func BenchmarkPrecision(bench *testing.B) {
	for _, precision := range precisions {
		bench.Run(precision, func(bench *testing.B) {
			b := New(lane.Shape{C: 1, H: 28, W: 28}, Config{Size: 256, Precision: precision, Policy: FIFO}, Restart{Uniform: 1}, -1, 1, 0)
			b.addNoise(256, 0)
			x := make([]float32, 64*b.size)
			bench.SetBytes(int64(4 * len(x)))
			for step := range uint32(bench.N) {
				b.Draw(x, x, 0, random.Stream{Seed: 1}, step)
				b.Add(x, random.Stream{Seed: 1}, step)
			}
		})
	}
}
