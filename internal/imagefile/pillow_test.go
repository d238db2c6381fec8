package imagefile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/draw"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
	"github.com/joule-ml/joule/internal/python"
)

// corpus has Pillow write pictures of all kinds and read them.
func corpus(t *testing.T, dir string) {
	t.Helper()
	path := python.Need(t, "import PIL; assert int(PIL.__version__.split('.')[0]) >= 12, 'Pillow before version 12'")
	if out, err := exec.Command(path, "-W", "ignore", filepath.Join("testdata", "corpus.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// A reading is what Pillow reads in a picture, and how it is to be compared.
type reading struct {
	Name          string
	Width, Height int // as seen
	Gray          bool
	Kind          string // see corpus.py
	Pillow        string // why Pillow does not read it
}

// TestPillow compares with what Pillow reads: sizes, what is gray, pixels and
// what is refused.
func TestPillow(t *testing.T) {
	dir := t.TempDir()
	corpus(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "corpus.json"))
	if err != nil {
		t.Fatal(err)
	}
	var readings []reading
	if err := json.Unmarshal(text, &readings); err != nil {
		t.Fatal(err)
	}
	for _, r := range readings {
		t.Run(r.Name, func(t *testing.T) { r.compare(t, dir) })
	}
}

func (r *reading) compare(t *testing.T, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, r.Name))
	if err != nil {
		t.Fatal(err)
	}
	m, gray, err := seen(data)
	if r.Kind != "" && r.Kind != "jpeg" && r.Kind != "sampled" {
		for _, part := range strings.Split(r.Kind, "|") {
			if err != nil && strings.Contains(err.Error(), part) {
				return
			}
		}
		t.Fatalf("%v, want a refusal because of %s", err, r.Kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Pillow != "" {
		return // read here alone
	}
	if m.Rect.Dx() != r.Width || m.Rect.Dy() != r.Height || gray != r.Gray {
		t.Fatalf("%v, gray %v; Pillow reads %d×%d, gray %v", m.Rect, gray, r.Width, r.Height, r.Gray)
	}
	want, err := os.ReadFile(filepath.Join(dir, r.Name+".rgb"))
	if err != nil {
		t.Fatal(err)
	}
	most, sum := 0, 0
	for i, v := range want {
		d := int(v) - int(m.Pix[i/3*4+i%3])
		most, sum = max(most, d, -d), sum+max(d, -d)
	}
	mean := float64(sum) / float64(len(want))
	// What is half transparent may be rounded otherwise, and so may the steps of
	// JPEG's arithmetic. Where colours are sampled at half the size, libjpeg
	// smoothes them, and package image/jpeg repeats them: in this picture, whose
	// colours change with every pixel, that makes much.
	bound := map[string]struct {
		most int
		mean float64
	}{"": {1, 0.5}, "jpeg": {4, 0.3}, "sampled": {100, 6}}[r.Kind]
	if most > bound.most || mean > bound.mean {
		t.Errorf("values differ by up to %d, on average %.2f", most, mean)
	}
}

// seen decodes, turns and composes over black.
func seen(data []byte) (m *image.RGBA, gray bool, err error) {
	f, err := imagefile.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, false, err
	}
	stored, gray, err := f.Decode()
	if err != nil {
		return nil, false, err
	}
	m = image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	draw.Draw(m, m.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(m, m.Rect, stored, stored.Bounds().Min, draw.Over)
	if b := stored.Bounds(); b.Dx() != f.Width || b.Dy() != f.Height {
		return nil, false, errors.New("the size is not that of the header")
	}
	return f.Orientation.Apply(m), gray, nil
}
