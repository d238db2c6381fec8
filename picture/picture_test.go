package picture

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
)

// tinyModel is a model of 9×7 images whose weights are random.
func tinyModel(t testing.TB, channels int) *joule.Model {
	t.Helper()
	net, err := nn.New(arch.CNN(4, lane.Shape{C: channels, H: tinyHeight, W: tinyWidth}))
	if err != nil {
		t.Fatal(err)
	}
	random.Stream{Seed: 5, Purpose: random.Weights}.Uniform(net.Params(), 0, 0, -0.4, 0.4)
	net.Pack()
	return modelOf(t, net)
}

// tinySamples draws 5 images of 20 steps, with pictures on the way after 8
// and 16.
func tinySamples(t testing.TB, m *joule.Model) (joule.SampleConfig, *joule.Samples) {
	t.Helper()
	c := joule.DefaultSampleConfig()
	c.N, c.Seed, c.Sampler.Steps, c.Every = 5, 1<<63+1, 20, 8
	s, err := m.Sample(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func draw(t testing.TB, m *joule.Model, c joule.SampleConfig, s *joule.Samples, p Layout) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m, c, s, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func provenanceIn(t testing.TB, file []byte) *Provenance {
	t.Helper()
	text, err := grid.ReadText(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	v, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// pictures has each kind with settings of its own.
var pictures = []Layout{
	{Kind: Grid, Columns: 3, Padding: 1, Scale: 2},
	{Kind: Filmstrip, Columns: 8, Padding: 0, Scale: 1},
	{Kind: Animation, Columns: 2, Padding: 3, Scale: 1, Delay: 70 * time.Millisecond, Hold: time.Second},
	{Kind: Image, Columns: 8, Padding: 2, Scale: 3, Index: 3},
	DefaultLayout(Grid), DefaultLayout(Filmstrip), DefaultLayout(Animation), DefaultLayout(Image),
}

// TestPictureAgain makes each kind of picture again from what it tells, with
// samples drawn anew, from a model read from a file.
func TestPictureAgain(t *testing.T) {
	for _, channels := range []int{1, 3} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := tinyModel(t, channels).Save(path); err != nil {
			t.Fatal(err)
		}
		m, err := joule.LoadModel(path)
		if err != nil {
			t.Fatal(err)
		}
		c, s := tinySamples(t, m)
		for _, p := range pictures {
			first := draw(t, m, c, s, p)
			v := provenanceIn(t, first)
			if v.Model != m.Hash() || v.Path != filepath.Base(path) || v.Sample.Seed != c.Seed || v.Sample.N != 5 || v.Sample.Sampler != c.Sampler {
				t.Errorf("%s: %+v", p.Kind, v)
			}
			if d := v.Differences(); d != nil {
				t.Errorf("%s: differences %q", p.Kind, d)
			}
			elsewhere := filepath.Join(t.TempDir(), "another path")
			if err := m.Save(elsewhere); err != nil {
				t.Fatal(err)
			}
			moved, err := joule.LoadModel(elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			samples, err := moved.Sample(context.Background(), v.Config())
			if err != nil {
				t.Fatal(err)
			}
			var again bytes.Buffer
			if err := v.Write(&again, samples); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again.Bytes(), first) {
				t.Errorf("%s of %d channels: another file", p.Kind, channels)
			}
		}
	}
}

// pixelsOf returns the brightness of the pixels of a part of a picture.
func pixelsOf(m image.Image, left, top, w, h int) (pix []uint8) {
	for y := range h {
		for x := range w {
			pix = append(pix, color.GrayModel.Convert(m.At(left+x, top+y)).(color.Gray).Y)
		}
	}
	return pix
}

// shown returns the brightness of one image as save_image has it.
func shown(image []float32) (pix []uint8) {
	for _, v := range image {
		pix = append(pix, uint8(math.Min((float64(v)+1)/2*255+0.5, 255)))
	}
	return pix
}

// tinyHeight and tinyWidth are the size of tinyModel's images.
const tinyHeight, tinyWidth = 9, 7

// near reports pixels of a picture, from left and top on, that are not those of
// image i of images.
func near(t *testing.T, picture image.Image, left, top int, images []float32, i int) {
	t.Helper()
	const size = tinyHeight * tinyWidth
	got := pixelsOf(picture, left, top, tinyWidth, tinyHeight)
	for j, want := range shown(images[i*size : (i+1)*size]) {
		if d := int(got[j]) - int(want); d < -1 || d > 1 { // float32 rounds otherwise
			t.Fatalf("pixel %d of image %d is %d, want %d", j, i, got[j], want)
		}
	}
}

// TestWriteFilmstrip: a row has the pictures of a chain on its way.
func TestWriteFilmstrip(t *testing.T) {
	m := tinyModel(t, 1)
	c, s := tinySamples(t, m)
	var b bytes.Buffer
	if err := WriteFilmstrip(&b, m, c, s); err != nil {
		t.Fatal(err)
	}
	if v := provenanceIn(t, b.Bytes()); v.Layout.Kind != Filmstrip || v.Sample.Every != 8 {
		t.Errorf("%+v", v)
	}
	strip, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Rect(0, 0, 2+2*(tinyWidth+2), 2+5*(tinyHeight+2)); strip.Bounds() != want {
		t.Fatalf("a filmstrip of %v, want %v", strip.Bounds(), want)
	}
	for i := range 5 {
		for k, frame := range s.Frames {
			near(t, strip, 2+k*(tinyWidth+2), 2+i*(tinyHeight+2), frame, i)
		}
	}
}

// TestWriteGIF: the frames are where the chains start, the pictures on their
// way, and the samples, which stay for longer.
func TestWriteGIF(t *testing.T) {
	m := tinyModel(t, 1)
	c, s := tinySamples(t, m)
	start := make([]float32, len(s.Images))
	c.Start(start, lane.Shape{C: s.C, H: s.H, W: s.W})
	want := [][]float32{start, s.Frames[0], s.Frames[1], s.Images}
	p := DefaultLayout(Animation)
	p.Scale = 1
	var b bytes.Buffer
	if err := WriteGIF(&b, m, c, s, p); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.Bytes(), []byte("joule:model="+m.Hash())); n != 1 {
		t.Errorf("the model is named %d times", n)
	}
	g, err := gif.DecodeAll(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g.Delay, []int{8, 8, 8, 200}) {
		t.Errorf("delays %v", g.Delay)
	}
	for k, frame := range g.Image {
		for i := range 5 {
			near(t, frame, 2+i*(tinyWidth+2), 2, want[k], i)
		}
	}
}

// TestWriteAnimation: small images are drawn larger, and where the last picture
// on the way is of the last step, it stands for the samples.
func TestWriteAnimation(t *testing.T) {
	m := tinyModel(t, 1)
	c, s := tinySamples(t, m)
	var b bytes.Buffer
	if err := WriteAnimation(&b, m, c, s); err != nil {
		t.Fatal(err)
	}
	v := provenanceIn(t, b.Bytes())
	if v.Layout.Kind != Animation || v.Layout.Scale != 9 { // 47 pixels wide
		t.Errorf("%+v", v)
	}
	if n := bytes.Count(b.Bytes(), []byte("fcTL")); n != 4 {
		t.Errorf("%d frames, want 4", n)
	}
	first, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Rect(0, 0, 47*9, 13*9); first.Bounds() != want {
		t.Errorf("frames of %v, want %v", first.Bounds(), want)
	}

	c.Sampler.Steps = 16
	if s, err = m.Sample(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := WriteAnimation(&b, m, c, s); err != nil || bytes.Count(b.Bytes(), []byte("fcTL")) != 3 {
		t.Errorf("%d frames, want 3; %v", bytes.Count(b.Bytes(), []byte("fcTL")), err)
	}
}

// TestPictureRefuses: a picture that cannot be made is an error that names what
// is wrong; samples that do not belong to their settings are a mistake.
func TestPictureRefuses(t *testing.T) {
	m := tinyModel(t, 1)
	c, s := tinySamples(t, m)
	bare := c
	bare.Every = 0
	for _, tt := range []struct {
		want string
		c    joule.SampleConfig
		s    *joule.Samples
		p    Layout
	}{
		{`called "poster"`, c, s, Layout{Kind: "poster", Columns: 1}},
		{"columns is 0", c, s, Layout{Kind: Grid}},
		{"padding is -1", c, s, Layout{Kind: Grid, Columns: 1, Padding: -1}},
		{"scale is 65", c, s, Layout{Kind: Grid, Columns: 1, Scale: 65}},
		{"no image 5 of 5", c, s, Layout{Kind: Image, Columns: 1, Index: 5}},
		{"index is -1", c, s, Layout{Kind: Image, Columns: 1, Index: -1}},
		{"whole milliseconds", c, s, Layout{Kind: Animation, Columns: 1, Delay: 1}},
		{"want 0 to 1m0s", c, s, Layout{Kind: Animation, Columns: 1, Hold: time.Hour}},
		{"the grid would have ", c, s, Layout{Kind: Grid, Columns: 1, Padding: 1024, Scale: 64}},
		{"a picture of 16385 images", joule.SampleConfig{N: MaxImages + 1}, &joule.Samples{N: MaxImages + 1, C: 1, H: 9, W: 7}, DefaultLayout(Grid)},
		{"pictures on the way", bare, &joule.Samples{N: 5, C: 1, H: 9, W: 7, Images: s.Images}, DefaultLayout(Filmstrip)},
		{"of 2 channels", bare, &joule.Samples{N: 5, C: 2, H: 9, W: 7}, DefaultLayout(Grid)},
	} {
		if err := Write(&bytes.Buffer{}, m, tt.c, tt.s, tt.p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	func() {
		defer func() {
			if s, _ := recover().(string); !strings.HasPrefix(s, "picture: ") {
				t.Errorf("panic %q", s)
			}
		}()
		WriteSamples(&bytes.Buffer{}, m, bare, s)
	}()
}

// modelOf returns the model of a network.
func modelOf(t testing.TB, net *nn.Network) *joule.Model {
	t.Helper()
	var tensors []checkpoint.Tensor
	for _, v := range net.Views() {
		tensors = append(tensors, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: v.Data})
	}
	m, err := joule.NewModel(net.Spec(), tensors)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
