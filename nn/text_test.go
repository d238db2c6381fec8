package nn

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestParseLayer(t *testing.T) {
	for _, c := range []struct {
		text string
		want LayerSpec
		back string // where it is another text
	}{
		{"conv2d 16 kernel=5 stride=2 padding=4", Conv2D(16, 5, 2, 4), ""},
		{"conv2d 8 kernel=3", Conv2D(8, 3, 1, 0), ""},
		{"conv2d 8 kernel=3 padding=1", Conv2D(8, 3, 1, 1), ""},
		{"  conv2d\tpadding=0 stride=1   kernel=3 8 ", Conv2D(8, 3, 1, 0), "conv2d 8 kernel=3"},
		{"conv2d 4096 kernel=4096 stride=64 padding=4096", Conv2D(4096, 4096, 64, 4096), ""},
		{"linear 64", Linear(64), ""},
		{"linear 65536", Linear(65536), ""},
		{"silu", SiLU(), ""},
		{"relu", ReLU(), ""},
		{"convtranspose2d 16 kernel=4 stride=2 padding=1", ConvTranspose2D(16, 4, 2, 1, 0), ""},
		{"convtranspose2d 16 kernel=3 stride=2 padding=1 output_padding=1", ConvTranspose2D(16, 3, 2, 1, 1), ""},
		{"upsample 2", Upsample(2), ""},
		{"avgpool2d kernel=2", AvgPool2D(2, 0), ""},
		{"avgpool2d kernel=3 stride=2", AvgPool2D(3, 2), ""},
		{"reshape 128 height=7 width=5", Reshape(128, 7, 5), ""},
		{"residual over=3", Residual(3), ""},
		{"distance", Distance(1), ""},
		{"distance power=2", Distance(2), ""},
		{"groupnorm", GroupNorm(1), ""},
		{"groupnorm groups=8", GroupNorm(8), ""},
		{"dropout 0.5", Dropout(0.5), ""},
		{"leakyrelu", LeakyReLU(0.2), ""},
		{"leakyrelu slope=0.01", LeakyReLU(0.01), ""},
		{"leakyrelu slope=.2e0", LeakyReLU(0.2), "leakyrelu"},
		{"tanh", Tanh(), ""},
		{"sigmoid", Sigmoid(), ""},
		{"flatten", Flatten(), ""},
	} {
		got, err := ParseLayer(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
		if c.back == "" {
			c.back = c.text
		}
		if got.String() != c.back {
			t.Errorf("%q became %q, want %q", c.text, got, c.back)
		}
	}
}

func TestParseLayerErrors(t *testing.T) {
	const conv = "write conv2d OUT kernel=N [stride=N] [padding=N]"
	for _, c := range []struct{ text, problem, want string }{
		{"", "empty", "the types are conv2d, linear, "},
		{" \n", "empty", "the types are"},
		{"conv 16", "unknown type", "did you mean conv2d? the types are conv2d, linear, "},
		{"attention 8", "unknown type", "the types are conv2d, linear, "},
		{"conv2 16", "unknown type", "did you mean conv2d? the types are"},
		{"Linaer 5", "unknown type", "did you mean linear?"},
		{"conv2d", "out is missing", conv},
		{"conv2d 16", "kernel is missing", conv},
		{"conv2d kernel=3", "out is missing", conv},
		{"conv2d x kernel=3", "out `x` is not a whole number from 1 to 4096", conv},
		{"conv2d 16 kernel=", "kernel `` is not a whole number", conv},
		{"conv2d 16 kernel=4097", "from 1 to 4096", conv},
		{"conv2d 16 kernel=3 stride=0", "stride `0` is not a whole number from 1 to 64", conv},
		{"conv2d 16 kernel=3 padding=-1", "padding `-1` is not", conv},
		{"conv2d 16 kernel=99999999999999999999", "from 1 to 4096", conv},
		{"conv2d 16 17 kernel=3", "`17` has no name", conv},
		{"conv2d 16 kernel=3 kernel=3", "kernel is given twice", conv},
		{"conv2d 16 kernel=3 dilation=2", "`dilation=2` is not part of it", conv},
		{"conv2d out=16 kernel=3", "`out=16` is not part of it", conv},
		{"conv2d 16 =3", "`=3` is not part of it", conv},
		{"linear 65537", "out `65537` is not a whole number from 1 to 65536", "write linear OUT"},
		{"linear 64 kernel=3", "`kernel=3` is not part of it", "write linear OUT"},
		{"dropout", "rate is missing", "write dropout RATE"},
		{"leakyrelu slope=2", "slope `2` is not a fraction from 0 to 1", "write leakyrelu [slope=N]"},
		{"leakyrelu slope=nan", "slope `nan` is not a fraction", "write leakyrelu [slope=N]"},
		{"leakyrelu 0.2", "`0.2` is not part of it", "write leakyrelu [slope=N]"},
		{"silu 3", "`3` is not part of it", "write silu"},
		{"silu\x00", "unknown type", "did you mean silu?"},
		{strings.Repeat("linear ", 40), "longer than 200 bytes", "write a type"},
	} {
		_, err := ParseLayer(c.text)
		var e *LayerError
		if !errors.As(err, &e) {
			t.Errorf("%q: error %v", c.text, err)
			continue
		}
		if !strings.Contains(e.Problem, c.problem) || !strings.HasPrefix(e.Want, c.want) {
			t.Errorf("%q: %q and %q, want %q and %q", c.text, e.Problem, e.Want, c.problem, c.want)
		}
		if len(e.Error()) > 400 || !strings.HasPrefix(err.Error(), "nn: layer ") {
			t.Errorf("%q: error %q", c.text, err)
		}
	}
}

// A layer's JSON is part of the hash of every model with it.
func TestLayerJSON(t *testing.T) {
	b, err := json.Marshal([]LayerSpec{Conv2D(8, 5, 2, 4), Linear(3), SiLU(), Flatten()})
	want := `[{"Type":"conv2d","Out":8,"Kernel":5,"Stride":2,"Padding":4},{"Type":"linear","Out":3},{"Type":"silu"},{"Type":"flatten"}]`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
}

// The page of layers has a row for each type.
func TestLayersPage(t *testing.T) {
	page, err := os.ReadFile("../docs/layers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if !strings.Contains(string(page), "| `"+k.form()+"` | ") {
			t.Errorf("docs/layers.md lacks `%s`", k.form())
		}
	}
}

// FuzzParseLayer: what parses is within bounds, and comes back.
func FuzzParseLayer(f *testing.F) {
	for _, set := range []map[string]Spec{networks, severalOutputs} {
		for _, s := range set {
			for _, l := range s.Layers {
				f.Add(l.String())
			}
		}
	}
	f.Add("conv2d 16 kernel=+3 stride=007")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLayer(text)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		k, ok := kindOf(l.Type)
		if !ok {
			t.Fatalf("%q became %+v", text, l)
		}
		for _, s := range k.sizes {
			if v := s.get(l); !s.within(v) {
				t.Fatalf("%q has %s %v", text, s.name, v)
			}
		}
		if again, err := ParseLayer(l.String()); err != nil || again != l {
			t.Fatalf("%q became %+v, then %+v, %v", text, l, again, err)
		}
	})
}
