package judge

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
	"pgregory.net/rapid"
)

var _ Images = (*dataset.Set)(nil)

// flat are images that all hold one value.
type flat float32

func (v flat) Image(dst []float32, _ int) { fill(dst, float32(v)) }

// outlierImage makes one image of a set.
func outlierImage(t interface{ Fatal(...any) }, base Images, shape lane.Shape, seed uint64, name string, i int) []float32 {
	for _, s := range Outliers(base, shape, seed) {
		if s.Name == name {
			x := make([]float32, shape.Len())
			s.Image(x, i)
			return x
		}
	}
	t.Fatal("no set of outliers is called " + name)
	return nil
}

func TestOutlierNames(t *testing.T) {
	var names []string
	for _, s := range Outliers(flat(0), lane.Shape{C: 1, H: 4, W: 4}, 1) {
		names = append(names, s.Name)
	}
	if want := []string{"uniform", "inverted", "shuffled", "gray", "noise-0.3", "noise-0.1", "half-size",
		"rotated-180", "blank", "hflip", "vflip", "erased", "checkerboard"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// Those that take no random numbers, on every shape.
func TestOutliersByRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := lane.Shape{C: rapid.IntRange(1, 3).Draw(t, "c"), H: rapid.IntRange(2, 9).Draw(t, "h"), W: rapid.IntRange(2, 9).Draw(t, "w")}
		set := &dataset.Set{N: 3, C: s.C, H: s.H, W: s.W, Pixels: rapid.SliceOfN(rapid.Byte(), 3*s.Len(), 3*s.Len()).Draw(t, "pixels")}
		const i = 2
		x := make([]float32, s.Len())
		set.Image(x, i)
		at := func(c, r, q int) float32 { return x[(c*s.H+r)*s.W+q] }
		for name, rule := range map[string]func(c, r, q int) float32{
			"inverted":    func(c, r, q int) float32 { return -at(c, r, q) },
			"blank":       func(c, r, q int) float32 { return -1 },
			"hflip":       func(c, r, q int) float32 { return at(c, r, s.W-1-q) },
			"vflip":       func(c, r, q int) float32 { return at(c, s.H-1-r, q) },
			"rotated-180": func(c, r, q int) float32 { return at(c, s.H-1-r, s.W-1-q) },
			"half-size": func(c, r, q int) float32 {
				h, w := s.H/2, s.W/2
				r, q = r-(s.H-h)/2, q-(s.W-w)/2
				if r < 0 || r >= h || q < 0 || q >= w {
					return -1
				}
				sum := 0.0
				for _, p := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
					sum += float64(at(c, 2*r+p[0], 2*q+p[1]))
				}
				return float32(sum / 4)
			},
		} {
			got := outlierImage(t, set, s, 1, name, i)
			for j, v := range got {
				want := rule(j/s.W/s.H, j/s.W%s.H, j%s.W)
				if math.Abs(float64(v-want)) > 2e-7 {
					t.Fatalf("%s: value %d is %v, want %v", name, j, v, want)
				}
			}
		}
		other := make([]float32, s.Len())
		OtherSet("other", set, s).Image(other, i)
		if !slices.Equal(other, x) {
			t.Fatal("the images of another set are not as they were")
		}
	})
}

func TestOutliersAreFunctionsOfSeedAndIndex(t *testing.T) {
	shape := lane.Shape{C: 2, H: 6, W: 7}
	set := testSet(1, 64)
	random := map[string]bool{"uniform": true, "gray": true, "noise-0.3": true, "noise-0.1": true, "erased": true, "checkerboard": true}
	for n, s := range Outliers(set, shape, 7) {
		// Every image, from many goroutines and from the last to the first.
		images := make([][]float32, set.N)
		var wg sync.WaitGroup
		for i := set.N - 1; i >= 0; i-- {
			wg.Go(func() {
				images[i] = make([]float32, shape.Len())
				s.Image(images[i], i)
			})
		}
		wg.Wait()
		differs := false
		for i := range images {
			for _, v := range images[i] {
				if !(v >= -1 && v <= 1) {
					t.Fatalf("%s: %v lies outside [−1, 1]", s.Name, v)
				}
			}
			again := outlierImage(t, set, shape, 7, s.Name, i)
			if !slices.Equal(again, images[i]) {
				t.Fatalf("%s: image %d differs when made alone", s.Name, i)
			}
			differs = differs || !slices.Equal(outlierImage(t, set, shape, 8, s.Name, i), images[i])
		}
		if differs != (random[s.Name] || s.Name == "shuffled") {
			t.Errorf("%s: another seed makes a difference: %v", s.Name, differs)
		}
		// Of equal images, random changes make different ones.
		same := Outliers(flat(0.25), shape, 7)[n]
		a, distinct := make([]float32, shape.Len()), map[string]bool{}
		for i := range 64 {
			same.Image(a, i)
			distinct[string(bytesOf(a))] = true
		}
		// Boards this small have squares of 1, in two phases.
		if random[s.Name] && len(distinct) < 8 && (s.Name != "checkerboard" || len(distinct) != 2) || !random[s.Name] && len(distinct) != 1 {
			t.Errorf("%s: %d different images from 64 equal ones", s.Name, len(distinct))
		}
	}
}

func bytesOf(x []float32) (b []byte) {
	for _, v := range x {
		u := math.Float32bits(v)
		b = append(b, byte(u), byte(u>>8), byte(u>>16), byte(u>>24))
	}
	return b
}

func TestShuffledKeepsPixels(t *testing.T) {
	shape := lane.Shape{C: 2, H: 6, W: 7}
	set := testSet(1, 2)
	var order []int
	for i := range set.N {
		x := make([]float32, shape.Len())
		set.Image(x, i)
		y := outlierImage(t, set, shape, 3, "shuffled", i)
		var found []int
		for p := range 42 {
			from := slices.IndexFunc(indices(42), func(q int) bool { return x[q] == y[p] && x[42+q] == y[42+p] })
			found = append(found, from)
		}
		if order == nil {
			order = found
		}
		if !slices.Equal(order, found) {
			t.Error("two images are shuffled differently, or their channels are")
		}
	}
	if s := slices.Clone(order); slices.Equal(order, indices(42)) {
		t.Error("nothing has moved")
	} else if slices.Sort(s); !slices.Equal(s, indices(42)) {
		t.Errorf("not a permutation: %v", order)
	}
}

func TestNoiseIsNormal(t *testing.T) {
	shape := lane.Shape{C: 1, H: 101, W: 99} // no multiple of four
	n := float64(shape.Len())
	for name, sd := range map[string]float64{"noise-0.3": 0.3, "noise-0.1": 0.1} {
		x := outlierImage(t, flat(0), shape, 1, name, 5)
		var sum, square, fourth, neighbours float64
		for j, v := range x {
			z := float64(v) / sd
			sum, square, fourth = sum+z, square+z*z, fourth+z*z*z*z
			neighbours += z * float64(x[(j+1)%len(x)]) / sd
		}
		// Standard errors are 1, √2, √96 and 1 over √n; clamping at 3⅓
		// deviations takes little from the fourth moment.
		for _, m := range []struct{ got, want, se float64 }{{sum, 0, 1}, {square, 1, math.Sqrt2}, {fourth, 3, math.Sqrt(96)}, {neighbours, 0, 1}} {
			if math.Abs(m.got/n-m.want) > 4*m.se/math.Sqrt(n) {
				t.Errorf("%s: moment %v, want %v", name, m.got/n, m.want)
			}
		}
		clamped := outlierImage(t, flat(0.95), shape, 1, name, 5)
		if slices.Max(clamped) != 1 || slices.Min(clamped) > 0.95 {
			t.Errorf("%s: from %v to %v", name, slices.Min(clamped), slices.Max(clamped))
		}
	}
	a, b := outlierImage(t, flat(0), shape, 1, "noise-0.3", 5), outlierImage(t, flat(0), shape, 1, "noise-0.1", 5)
	dot := 0.0
	for j := range a {
		dot += float64(a[j]) / 0.3 * float64(b[j]) / 0.1
	}
	if math.Abs(dot/n) > 4/math.Sqrt(n) {
		t.Error("the two noises are correlated")
	}
}

func TestUniformAndGraySpread(t *testing.T) {
	shape := lane.Shape{C: 1, H: 28, W: 28}
	var grays []float64
	for i := range 1000 {
		x := outlierImage(t, flat(0), shape, 1, "gray", i)
		if slices.Min(x) != slices.Max(x) {
			t.Fatal("gray is not of one value")
		}
		grays = append(grays, float64(x[0]))
	}
	var values []float64
	for _, v := range outlierImage(t, flat(0), shape, 1, "uniform", 3) {
		values = append(values, float64(v))
	}
	for name, v := range map[string][]float64{"gray": grays, "uniform": values} {
		// The variance is 1/3, that of the squares about it 4/45.
		n := float64(len(v))
		if math.Abs(mean(v)) > 4/math.Sqrt(3*n) || math.Abs(variance(v)-1./3) > 4*math.Sqrt(4./45/n) {
			t.Errorf("%s: mean %v, variance %v", name, mean(v), variance(v))
		}
	}
}

func TestErasedIsASquare(t *testing.T) {
	for _, shape := range []lane.Shape{{C: 1, H: 28, W: 28}, {C: 3, H: 9, W: 5}, {C: 1, H: 2, W: 2}} {
		side := min(shape.H, shape.W) / 2
		places := map[[2]int]int{}
		for i := range 4000 {
			x := outlierImage(t, flat(1), shape, 1, "erased", i)
			first := slices.Index(x, -1)
			top, left := first/shape.W, first%shape.W
			places[[2]int{top, left}]++
			if i > 200 {
				continue
			}
			for j, v := range x {
				r, q := j/shape.W%shape.H-top, j%shape.W-left
				inside := r >= 0 && r < side && q >= 0 && q < side
				if inside != (v == -1) || !inside && v != 1 {
					t.Fatalf("image %d of %v: value %d is %v", i, shape, j, v)
				}
			}
		}
		all := (shape.H - side + 1) * (shape.W - side + 1)
		if len(places) != all {
			t.Errorf("%v: %d places of %d", shape, len(places), all)
		}
		for p, n := range places {
			if want := 4000 / float64(all); math.Abs(float64(n)-want) > 5*math.Sqrt(want) {
				t.Errorf("%v: %d squares at %v, want about %v", shape, n, p, want)
			}
		}
	}
}

func TestCheckerboards(t *testing.T) {
	shape := lane.Shape{C: 2, H: 28, W: 30}
	sides, corners := map[int]int{}, 0
	for i := range 2000 {
		x := outlierImage(t, flat(0), shape, 1, "checkerboard", i)
		at := func(c, r, q int) float32 { return x[(c*shape.H+r)*shape.W+q] }
		// The side is the distance of two changes along the first row.
		var changes []int
		for q := 1; q < shape.W; q++ {
			if at(0, 0, q) != at(0, 0, q-1) {
				changes = append(changes, q)
			}
		}
		side := changes[1] - changes[0]
		sides[side]++
		if at(0, 0, 0) == 1 {
			corners++
		}
		for c := range shape.C {
			for r := range shape.H {
				for q := range shape.W {
					v := at(c, r, q)
					if v != 1 && v != -1 || r+side < shape.H && at(c, r+side, q) != -v ||
						q+side < shape.W && at(c, r, q+side) != -v || v != at(0, r, q) || at(0, r, q)*at(0, 0, 0) != at(0, r, 0)*at(0, 0, q) {
						t.Fatalf("image %d is no board of squares of %d", i, side)
					}
				}
			}
		}
	}
	for side := 1; side <= 7; side++ {
		// 286 each, with a deviation of 15.6.
		if n := sides[side]; n < 220 || n > 350 {
			t.Errorf("%d of 2000 boards have squares of %d", n, side)
		}
	}
	if len(sides) != 7 || corners < 900 || corners > 1100 {
		t.Errorf("squares of %v, %d boards of 2000 begin with 1", sides, corners)
	}
}

func TestOutlierFaults(t *testing.T) {
	wantPanic(t, "judge: Outliers of images of 1×1×5", func() { Outliers(flat(0), lane.Shape{C: 1, H: 1, W: 5}, 1) })
	s := Outliers(flat(0), lane.Shape{C: 1, H: 2, W: 5}, 1)[0]
	wantPanic(t, "judge: Image needs room for 10 values, not 9", func() { s.Image(make([]float32, 9), 0) })
}
