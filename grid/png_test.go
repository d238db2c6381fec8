package grid

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

var sample = []Text{
	{"Software", "Joule"},
	{"seed", "42"},
	{"Café", "naïve ÿ\u0080\n\ttwo lines"}, // Latin-1
	{"sampler", "step 10, noise σ = 0.005 ∇E 数"},
	{"empty", ""},
	{"long", strings.Repeat("x", 100_000)},
}

func picture() *image.Gray {
	m := image.NewGray(image.Rect(0, 0, 7, 5))
	for i := range m.Pix {
		m.Pix[i] = uint8(i * 7)
	}
	return m
}

func encoded(t testing.TB, text []Text) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := EncodePNG(&b, picture(), text); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPNG(t *testing.T) {
	b := encoded(t, sample)
	m, err := png.Decode(bytes.NewReader(b)) // checks the sums of all chunks
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := m.(*image.Gray); !ok || !bytes.Equal(g.Pix, picture().Pix) {
		t.Errorf("another picture: %T", m)
	}
	if got := string(b[header+4 : header+8]); got != "tEXt" {
		t.Errorf("chunk %q after the header", got)
	}
	if n := bytes.Count(b, []byte("iTXt")); n != 1 {
		t.Errorf("%d iTXt chunks, want 1", n)
	}
	got, err := ReadText(bytes.NewReader(b))
	if err != nil || !reflect.DeepEqual(got, sample) {
		t.Errorf("read %.300q, %v", got, err)
	}
	if got, err := ReadText(bytes.NewReader(encoded(t, nil))); err != nil || got != nil {
		t.Errorf("without text: %q, %v", got, err)
	}
}

func TestPNGRefuses(t *testing.T) {
	many := make([]Text, 9)
	for i := range many {
		many[i] = Text{"k", strings.Repeat("x", maxText-10)}
	}
	for want, text := range map[string][]Text{
		"1 to 79":           {{"", "v"}},
		"\"kkk":             {{strings.Repeat("k", 80), "v"}},
		"Latin-1":           {{"σ", "v"}},
		"cannot be printed": {{"a\nb", "v"}},
		"spaces":            {{"a  b", "v"}},
		"\" a\"":            {{" a", "v"}},
		"NUL":               {{"a", "b\x00c"}},
		"not UTF-8":         {{"a", "\xff"}},
		"at most 1048576":   {{"a", strings.Repeat("x", maxText)}},
		"at most 8388608":   many,
	} {
		err := EncodePNG(io.Discard, picture(), text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if err := EncodePNG(io.Discard, image.NewGray(image.Rect(0, 0, 0, 0)), nil); err == nil {
		t.Error("an empty picture was written")
	}
}

func chunk(kind, data string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, kind+data...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(kind+data))))
}

var badPNG = []struct{ name, want, file string }{
	{"empty", "breaks off", ""},
	{"not a PNG", "not a PNG", "GIF89a............"},
	{"no end", "breaks off", signature},
	{"huge chunk", "of 4294967295 bytes", signature + "\xff\xff\xff\xfftEXt"},
	{"large text", "too much text", signature + "\x7f\xff\xff\xfftEXt"},
	{"chunk breaks off", "breaks off", signature + "\x00\x01\x00\x00tEXtkey\x00value"},
	{"skipped chunk breaks off", "breaks off", signature + "\x7f\xff\xff\xffIDATxx"},
	{"checksum", "wrong checksum", signature + "\x00\x00\x00\x03tEXtk\x00vabcd" + chunk("IEND", "")},
	{"no key", "without a key", signature + chunk("tEXt", "key") + chunk("IEND", "")},
	{"empty key", "1 to 79", signature + chunk("tEXt", "\x00v") + chunk("IEND", "")},
	{"NUL", "contains NUL", signature + chunk("tEXt", "k\x00a\x00b") + chunk("IEND", "")},
	{"short iTXt", "breaks off", signature + chunk("iTXt", "k\x00\x00") + chunk("IEND", "")},
	{"iTXt without language", "breaks off", signature + chunk("iTXt", "k\x00\x00\x00en") + chunk("IEND", "")},
	{"iTXt not UTF-8", "not UTF-8", signature + chunk("iTXt", "k\x00\x00\x00en\x00\x00\xff") + chunk("IEND", "")},
	{"too many", "too much text", signature + strings.Repeat(chunk("tEXt", "k\x00"+strings.Repeat("x", maxText-2)), 9)},
}

func TestReadTextRefuses(t *testing.T) {
	for _, tt := range badPNG {
		text, err := ReadText(strings.NewReader(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %.100q, %v, want %s", tt.name, text, err, tt.want)
		}
	}
	whole := encoded(t, sample[:2])
	for n := range whole {
		if _, err := ReadText(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("%d bytes of %d were read", n, len(whole))
		}
	}
}

func TestReadTextOfOthers(t *testing.T) {
	file := signature + chunk("zTXt", "c\x00\x00anything") + chunk("iTXt", "z\x00\x01\x00\x00\x00compressed") +
		chunk("iTXt", "k\x00\x00\x00en\x00clé\x00välue") + chunk("IDAT", "") + chunk("tEXt", "late\x00\xe9") + chunk("IEND", "")
	got, err := ReadText(strings.NewReader(file))
	if want := []Text{{"k", "välue"}, {"late", "é"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

func TestPython(t *testing.T) {
	interpreter := python.Need(t, "import PIL.Image")
	path := filepath.Join(t.TempDir(), "x.png")
	m := image.NewRGBA(image.Rect(0, 0, 2, 1))
	m.SetRGBA(0, 0, color.RGBA{255, 0, 0, 255})
	m.SetRGBA(1, 0, color.RGBA{1, 2, 3, 255})
	var b bytes.Buffer
	if err := EncodePNG(&b, m, sample); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys
from PIL import Image
Image.open(sys.argv[1]).verify()
m = Image.open(sys.argv[1])
assert m.mode == "RGB" and m.size == (2, 1), (m.mode, m.size)
assert (m.getpixel((0, 0)), m.getpixel((1, 0))) == ((255, 0, 0), (1, 2, 3))
t = m.text
assert t["Software"] == "Joule" and t["seed"] == "42" and t["empty"] == "", t
assert t["Café"] == "naïve ÿ\u0080\n\ttwo lines", t["Café"]
assert t["sampler"] == "step 10, noise σ = 0.005 ∇E 数", t["sampler"]
assert t["long"] == "x" * 100000
`
	if out, err := exec.Command(interpreter, "-c", script, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func FuzzReadText(f *testing.F) {
	f.Add(encoded(f, sample[:5]))
	for _, tt := range badPNG {
		if len(tt.file) < 1000 {
			f.Add([]byte(tt.file))
		}
	}
	m := image.NewGray(image.Rect(0, 0, 1, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := ReadText(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := EncodePNG(&b, m, text); err != nil {
			t.Fatal(err)
		}
		again, err := ReadText(&b)
		if err != nil || !reflect.DeepEqual(again, text) {
			t.Fatalf("%q became %q, %v", text, again, err)
		}
	})
}
