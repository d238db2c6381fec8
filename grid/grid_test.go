package grid

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// reference is torchvision's make_grid and save_image in their own words: a
// tensor of zeros, into which the normalised images are copied, then scaled,
// rounded and clamped. It returns channels × height × width bytes.
func reference(images []float32, n, c, h, w int, opt Options) (pix []uint8, height, width int) {
	unit := make([]float32, len(images))
	for i, v := range images {
		v = float32(math.Max(math.Min(float64(v), float64(opt.Hi)), float64(opt.Lo)))
		v -= opt.Lo
		unit[i] = v / (opt.Hi - opt.Lo)
	}
	quantize := func(t []float32) []uint8 {
		q := make([]uint8, len(t))
		for i, v := range t {
			v *= 255
			v += 0.5
			q[i] = uint8(math.Max(0, math.Min(255, float64(v))))
		}
		return q
	}
	if n == 1 {
		return quantize(unit), h, w
	}
	xmaps := min(opt.Columns, n)
	ymaps := int(math.Ceil(float64(n) / float64(xmaps)))
	tileH, tileW := h+opt.Padding, w+opt.Padding
	height, width = tileH*ymaps+opt.Padding, tileW*xmaps+opt.Padding
	grid := make([]float32, c*height*width)
	k := 0
	for y := range ymaps {
		for x := range xmaps {
			if k >= n {
				break
			}
			for ch := range c {
				for i := range h {
					for j := range w {
						grid[(ch*height+y*tileH+opt.Padding+i)*width+x*tileW+opt.Padding+j] = unit[((k*c+ch)*h+i)*w+j]
					}
				}
			}
			k++
		}
	}
	return quantize(grid), height, width
}

func TestMake(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 7, 8, 9, 64} {
		for _, c := range []int{1, 3} {
			for _, scale := range []int{0, 1, 3} {
				opt := DefaultOptions()
				opt.Scale = scale
				if n == 9 {
					opt.Columns, opt.Padding, opt.Lo, opt.Hi = 2, 0, -0.5, 0.7
				}
				const h, w = 5, 4
				images := make([]float32, n*c*h*w)
				for i := range images {
					images[i] = rng.Float32()*2.4 - 1.2
				}
				want, height, width := reference(images, n, c, h, w, opt)
				m := Make(images, n, c, h, w, opt)
				s := max(scale, 1)
				if m.Bounds() != image.Rect(0, 0, width*s, height*s) {
					t.Fatalf("%d images: bounds %v, want %d×%d", n, m.Bounds(), width*s, height*s)
				}
				for y := range height * s {
					for x := range width * s {
						at := y/s*width + x/s
						r := want[at]
						g, b := r, r
						if c == 3 {
							g, b = want[at+height*width], want[at+2*height*width]
						}
						if got := color.RGBAModel.Convert(m.At(x, y)); got != (color.RGBA{r, g, b, 255}) {
							t.Fatalf("%d images of %d channels: pixel %d,%d is %v, want %v", n, c, x, y, got, color.RGBA{r, g, b, 255})
						}
					}
				}
			}
		}
	}
}

// TestLevels: every level of a byte survives the way to [−1, 1] and back.
func TestLevels(t *testing.T) {
	for v := range 256 {
		if got := level(float32(v)/255*2-1, -1, 1); got != uint8(v) {
			t.Errorf("level %d becomes %d", v, got)
		}
	}
	for v, want := range map[float32]uint8{-2: 0, -1: 0, 0: 128, 1: 255, 1.5: 255, math.MaxFloat32: 255} {
		if got := level(v, -1, 1); got != want {
			t.Errorf("%g becomes %d, want %d", v, got, want)
		}
	}
}

func TestNotFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, bad := range []float32{nan, inf, -inf} {
		grey := Make([]float32{1, bad, -1, 0}, 1, 1, 2, 2, DefaultOptions())
		if got := grey.At(1, 0); got != broken {
			t.Errorf("%g is drawn as %v", bad, got)
		}
		if got := grey.At(0, 0); got != (color.RGBA{255, 255, 255, 255}) {
			t.Errorf("its neighbour is drawn as %v", got)
		}
		for c := range 3 {
			pixel := []float32{0, 0, 0}
			pixel[c] = bad
			if got := Make(pixel, 1, 3, 1, 1, DefaultOptions()).At(0, 0); got != broken {
				t.Errorf("%v is drawn as %v", pixel, got)
			}
		}
	}
}

func TestMakePanics(t *testing.T) {
	opt := DefaultOptions()
	for name, do := range map[string]func(){
		"length":   func() { Make(make([]float32, 3), 1, 1, 2, 2, opt) },
		"none":     func() { Make(nil, 0, 1, 2, 2, opt) },
		"channels": func() { Make(make([]float32, 8), 1, 2, 2, 2, opt) },
		"columns":  func() { Make(make([]float32, 4), 1, 1, 2, 2, Options{Lo: -1, Hi: 1}) },
		"range":    func() { Make(make([]float32, 4), 1, 1, 2, 2, Options{Columns: 8}) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "grid: ") {
					t.Errorf("%s: panic %q", name, s)
				}
			}()
			do()
		}()
	}
}

func TestFilmstrip(t *testing.T) {
	// The value of a pixel tells image, frame and channel.
	const n, c, h, w = 3, 3, 2, 2
	frames := make([][]float32, 4)
	for k := range frames {
		for i := range n * c * h * w {
			frames[k] = append(frames[k], float32(i/(c*h*w)*20+k*5+i/(h*w)%c)/128-1)
		}
	}
	opt := DefaultOptions()
	opt.Padding = 1
	m := Filmstrip(frames, n, c, h, w, opt)
	if m.Bounds() != image.Rect(0, 0, 4*3+1, 3*3+1) {
		t.Fatalf("bounds %v", m.Bounds())
	}
	for i := range n {
		for k := range frames {
			v := float32(i*20 + k*5)
			want := color.RGBA{level(v/128-1, -1, 1), level((v+1)/128-1, -1, 1), level((v+2)/128-1, -1, 1), 255}
			if got := m.At(1+3*k, 1+3*i); got != want {
				t.Errorf("image %d, frame %d: %v, want %v", i, k, got, want)
			}
		}
	}
	for name, frames := range map[string][][]float32{"none": nil, "short": {make([]float32, 5)}} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "grid: ") {
					t.Errorf("%s: panic %q", name, s)
				}
			}()
			Filmstrip(frames, n, c, h, w, opt)
		}()
	}
}

func BenchmarkMake64x28x28(b *testing.B) {
	images := make([]float32, 64*28*28)
	for b.Loop() {
		Make(images, 64, 1, 28, 28, DefaultOptions())
	}
}
