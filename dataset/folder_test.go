package dataset

import (
	"bytes"
	"fmt"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
)

// tile is a PNG picture of one shade.
func tile(t testing.TB, shade byte) []byte {
	return encodePNG(t, grayed(6, 4, shade))
}

// tiles writes pictures of shades 1, 2 … to a folder under the names.
func tiles(t testing.TB, dir string, names ...string) {
	t.Helper()
	for i, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, tile(t, byte(i+1)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func numbered(n int, format string) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i)
	}
	return names
}

// passed collects the events of files that look like pictures and are left out,
// of others that are, and of the cache.
type passed struct {
	files  map[string]string
	others map[string]LeftOut
	cache  []error
	notes  []string
	done   int
}

func (p *passed) tell(e FolderEvent) {
	switch {
	case e.Cache:
		p.cache = append(p.cache, e.Err)
	case e.Note != "":
		p.notes = append(p.notes, e.Note)
	case e.Err != nil:
		if p.files == nil {
			p.files, p.others = map[string]string{}, map[string]LeftOut{}
		}
		if e.Kind.Lost() {
			p.files[e.Path] = e.Err.Error()
		} else {
			p.others[e.Path] = e.Kind
		}
	default:
		p.done = e.Done
	}
}

// openTest opens a folder with a cache of its own.
func openTest(t testing.TB, dir string, opt Options) (train, test *Set, p *passed) {
	t.Helper()
	if opt.Cache == "" {
		opt.Cache = t.TempDir()
	}
	p = &passed{}
	opt.Folder = p.tell
	train, test, err := Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	train.check()
	test.check()
	return train, test, p
}

// shades returns the first value of each image.
func shades(s *Set) []int {
	var v []int
	for i := range s.N {
		v = append(v, int(s.Pixels[i*s.Size()]))
	}
	return v
}

func TestIsPath(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "mnist": false, "photos": false, "a.b": false,
		"./photos": true, ".": true, "..": true, "/a": true, "a/": true, "a/b": true, `C:\a`: true, `a\b`: true, ".a": true, "~/a": true,
	} {
		if IsPath(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	for _, name := range Names() {
		if IsPath(name) {
			t.Errorf("data set %s looks like a path", name)
		}
	}
}

func TestFolderClasses(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, "dog/b.png", "cat/z.PNG", "cat/deep/er/a.png", "owl/c.png", "owl/d.png")
	train, test, p := openTest(t, dir, Options{})
	if len(p.files) > 0 || len(p.cache) > 0 || p.done != 5 {
		t.Errorf("%+v", p)
	}
	if want := []string{"cat", "dog", "owl"}; !slices.Equal(train.Classes, want) || !slices.Equal(test.Classes, want) {
		t.Errorf("classes %v, %v", train.Classes, test.Classes)
	}
	if train.N+test.N != 5 || test.N != 1 || train.C != 1 || train.H != 4 || train.W != 6 || train.Name != dir {
		t.Errorf("%d and %d images of %d×%d×%d", train.N, test.N, train.C, train.H, train.W)
	}
	class := map[int]byte{1: 1, 2: 0, 3: 0, 4: 2, 5: 2} // of the shades
	for _, s := range []*Set{train, test} {
		for i, v := range shades(s) {
			if s.Labels[i] != class[v] {
				t.Errorf("shade %d has label %d", v, s.Labels[i])
			}
		}
	}
	// In the order of the paths: cat/deep, cat/z, dog, owl/c, owl/d.
	order := []int{3, 2, 1, 4, 5}
	held := shades(test)[0]
	if want := slices.DeleteFunc(order, func(v int) bool { return v == held }); !slices.Equal(shades(train), want) {
		t.Errorf("order %v, want %v", shades(train), want)
	}

	// A picture without a class, or too many of them: none has one.
	tiles(t, dir, "loose.png")
	if train, test, _ := openTest(t, dir, Options{}); train.Labels != nil || test.Labels != nil || train.Classes != nil {
		t.Errorf("labels %v", train.Labels)
	}
	many := t.TempDir()
	tiles(t, many, numbered(256, "class%d/a.png")...)
	if train, _, _ := openTest(t, many, Options{}); len(train.Classes) != 256 {
		t.Errorf("256 folders: %d classes", len(train.Classes))
	}
	tiles(t, many, "class256/a.png")
	if train, _, p := openTest(t, many, Options{}); len(train.Classes) != 0 || len(p.notes) != 1 {
		t.Errorf("257 folders: %d classes, told %q", len(train.Classes), p.notes)
	}
}

// TestHeldOut makes sure that about a tenth is held out and that files that
// are added move no others.
func TestHeldOut(t *testing.T) {
	of := func(n int) map[string]bool {
		var pictures []picture
		for _, name := range numbered(n, "%d.png") {
			pictures = append(pictures, picture{path: name})
		}
		held := map[string]bool{}
		for i, h := range (&listing{}).held(pictures) {
			if h {
				held[pictures[i].path] = true
			}
		}
		return held
	}
	for n, want := range map[int][2]int{1: {1, 1}, 2: {1, 1}, 3: {1, 2}, 1000: {60, 140}, 50_000: {4800, 5200}, 200_000: {10_000, 10_000}} {
		if got := len(of(n)); got < want[0] || got > want[1] {
			t.Errorf("of %d pictures %d are held out", n, got)
		}
	}
	few, more := of(1000), of(5000)
	for _, name := range numbered(1000, "%d.png") {
		if few[name] != more[name] {
			t.Errorf("%s moved", name)
		}
	}
}

func TestFolderShape(t *testing.T) {
	shade := func(x, y int) color.Color { return color.Gray{9} }
	gray := tile(t, 9)
	colour := func(w, h int) []byte {
		return encodePNG(t, painted(w, h, func(x, y int) color.Color { return color.NRGBA{1, 2, 3, 255} }))
	}
	for _, test := range []struct {
		name  string
		files [][]byte
		asked lane.Shape
		want  lane.Shape
	}{
		{"one size in gray", [][]byte{encodePNG(t, grayed(20, 10, 9)), encodePNG(t, grayed(20, 10, 9))}, lane.Shape{}, lane.Shape{C: 1, H: 10, W: 20}},
		{"one size", [][]byte{colour(64, 64), encodePNG(t, grayed(64, 64, 9))}, lane.Shape{}, lane.Shape{C: 3, H: 64, W: 64}},
		{"large", [][]byte{colour(65, 64), colour(65, 64)}, lane.Shape{}, lane.Shape{C: 3, H: 32, W: 32}},
		{"several sizes", [][]byte{encodePNG(t, painted(9, 9, shade)), gray}, lane.Shape{C: 1}, lane.Shape{C: 1, H: 32, W: 32}},
		{"as asked for", [][]byte{gray, gray}, lane.Shape{C: 3, H: 7, W: 8}, lane.Shape{C: 3, H: 7, W: 8}},
		{"size asked for", [][]byte{encodePNG(t, grayed(5, 5, 9)), encodePNG(t, grayed(6, 6, 9))}, lane.Shape{H: 7, W: 8}, lane.Shape{C: 1, H: 7, W: 8}},
	} {
		dir := t.TempDir()
		for i, b := range test.files {
			put(t, filepath.Join(dir, fmt.Sprintf("%d.png", i)), b)
		}
		put(t, filepath.Join(dir, "broken.png"), []byte("x"))
		train, _, p := openTest(t, dir, Options{Shape: test.asked})
		if got := (lane.Shape{C: train.C, H: train.H, W: train.W}); got != test.want || len(p.files) != 1 {
			t.Errorf("%s: %+v, want %+v; %v", test.name, got, test.want, p.files)
		}
	}
}

// TestFolderSame makes sure that the sets do not depend on the cores.
func TestFolderSame(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, numbered(60, "%d.png")...)
	put(t, filepath.Join(dir, "33x.png"), []byte("broken"))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, oneTest, _ := openTest(t, dir, Options{})
	runtime.GOMAXPROCS(7)
	many, manyTest, _ := openTest(t, dir, Options{})
	if !bytes.Equal(one.Pixels, many.Pixels) || !bytes.Equal(oneTest.Pixels, manyTest.Pixels) || one.Hash() != many.Hash() {
		t.Error("other images on other cores")
	}
	if one.Hash() == oneTest.Hash() {
		t.Error("two sets with one hash")
	}
}

func TestFolderPassesOver(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, "a.png", "b.png", "c.jpg", ".hidden.png", ".git/d.png")
	put(t, filepath.Join(dir, "notes.txt"), []byte("x"))
	put(t, filepath.Join(dir, "odd\tname.png"), []byte("x"))
	want := map[string]string{"odd\tname.png": "not a PNG, JPEG, GIF, WebP, BMP or TIFF picture"}
	outside := t.TempDir()
	tiles(t, outside, "secret.png")
	for _, link := range [][2]string{{filepath.Join(outside, "secret.png"), "link.png"}, {outside, "out"}, {"a.png", "inner.png"}, {"nowhere", "dangling"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Skip("no symbolic links here:", err)
		}
		want[link[1]] = "a symbolic link, which is not followed"
	}
	train, test, p := openTest(t, dir, Options{})
	if train.N+test.N != 3 {
		t.Errorf("%d images", train.N+test.N)
	}
	if fmt.Sprint(p.files) != fmt.Sprint(want) {
		t.Errorf("passed over %q, want %q", p.files, want)
	}
	if want := map[string]LeftOut{".hidden.png": Hidden, ".git": Hidden, "notes.txt": Other}; !maps.Equal(p.others, want) {
		t.Errorf("left out %v, want %v", p.others, want)
	}
	// Open follows the link that the user names.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if train, test, _ := openTest(t, link, Options{}); train.N+test.N != 3 {
		t.Errorf("through a link: %d images", train.N+test.N)
	}
	n, err := VerifyFolder(t.Context(), dir, Options{Folder: (&passed{}).tell})
	if n != 3 || err != nil {
		t.Errorf("verified %d, %v", n, err)
	}
	var bad []string
	paths, err := FindImages(t.Context(), dir, func(e FolderEvent) { bad = append(bad, e.Path) })
	if err != nil || len(paths) != 4 || paths[0] != filepath.Join(dir, "a.png") || len(bad) != 7 || !slices.IsSorted(bad) {
		t.Errorf("found %q, passed over %q, %v", paths, bad, err)
	}
}
