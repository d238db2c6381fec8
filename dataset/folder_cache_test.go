package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/joule-ml/joule/lane"
)

// cacheFiles returns the paths of the files of a cache.
func cacheFiles(t testing.TB, cache string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cache, "folders", "*"+cacheSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// cachedFolder is a folder of pictures, one of them broken, with what its first
// opening returned and put into a cache.
type cachedFolder struct {
	dir         string
	opt         Options
	train, test *Set
}

func newCachedFolder(t *testing.T) *cachedFolder {
	t.Helper()
	f := &cachedFolder{dir: t.TempDir(), opt: Options{Cache: t.TempDir()}}
	tiles(t, f.dir, numbered(30, "c%d/x.png")...)
	put(t, filepath.Join(f.dir, "c0", "broken.png"), []byte("x"))
	var p *passed
	f.train, f.test, p = openTest(t, f.dir, f.opt)
	if p.done == 0 || len(p.files) != 1 {
		t.Fatalf("%+v", p)
	}
	return f
}

// again opens the folder and expects the same sets, and that pictures are read
// or not.
func (f *cachedFolder) again(t *testing.T, what string, read bool) {
	t.Helper()
	a, b, p := openTest(t, f.dir, f.opt)
	if a.Hash() != f.train.Hash() || b.Hash() != f.test.Hash() || !bytes.Equal(a.Labels, f.train.Labels) || !bytes.Equal(b.Labels, f.test.Labels) ||
		!slices.Equal(a.Classes, f.train.Classes) || !slices.Equal(b.Classes, f.test.Classes) || a.Name != f.dir || len(p.files) != 1 {
		t.Errorf("%s: other sets, or %v passed over", what, p.files)
	}
	if (p.done > 0) != read {
		t.Errorf("%s: pictures read: %v", what, p.done > 0)
	}
}

func TestCache(t *testing.T) {
	f := newCachedFolder(t)
	f.again(t, "at once", false)

	// A file with another time is read anew, and so is a folder that lost one.
	path := filepath.Join(f.dir, "c1", "x.png")
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	later := st.ModTime().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	f.again(t, "another time", true)
	f.again(t, "another time, again", false)
	if a, _, _ := openTest(t, f.dir, Options{Cache: f.opt.Cache, Shape: lane.Shape{C: 3}}); a.C != 3 {
		t.Errorf("another shape: %d channels", a.C)
	}
	if n := len(cacheFiles(t, f.opt.Cache)); n != 3 {
		t.Errorf("%d files in the cache", n)
	}

	// Without a place for the cache there is none.
	blocked := filepath.Join(t.TempDir(), "file")
	put(t, blocked, []byte("x"))
	a, _, p := openTest(t, f.dir, Options{Cache: blocked})
	if a.Hash() != f.train.Hash() || len(p.cache) == 0 {
		t.Errorf("blocked cache: %v", p.cache)
	}
}

// TestCacheDamaged makes sure that whatever is wrong with the cache's file, the
// pictures are read and it is mended.
func TestCacheDamaged(t *testing.T) {
	f := newCachedFolder(t)
	files := cacheFiles(t, f.opt.Cache)
	if len(files) != 1 {
		t.Fatalf("the cache holds %v", files)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"empty": nil, "short": whole[:len(whole)-1], "long": append(bytes.Clone(whole), 0), "magic only": whole[:20],
		"header": changed(whole, 60), "hash": changed(whole, 16), "pixel": changed(whole, len(whole)-1), "length": changed(whole, 47),
	} {
		put(t, files[0], b)
		_, _, p := openTest(t, f.dir, f.opt)
		if len(p.cache) != 1 || p.done == 0 {
			t.Errorf("%s: %v, pictures read: %v", what, p.cache, p.done > 0)
		}
		f.again(t, what+", mended", false)
	}
}

func changed(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x41
	return b
}

// age makes all files of a cache an hour older, beyond what clocks resolve.
func age(t *testing.T, cache string) {
	t.Helper()
	for _, f := range cacheFiles(t, cache) {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		at := st.ModTime().Add(-time.Hour)
		if err := os.Chtimes(f, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCachePrune makes sure that the cache keeps to its limits and what was
// used last.
func TestCachePrune(t *testing.T) {
	cache := t.TempDir()
	var dirs []string
	open := func(dir string, change func(*folderLimits)) (read bool) {
		t.Helper()
		p := &passed{}
		r, err := newFolderReader(dir, Options{Cache: cache, Folder: p.tell})
		if err != nil {
			t.Fatal(err)
		}
		defer r.root.Close()
		l := defaultFolderLimits()
		l.cached = 3
		change(&l)
		r.limit(l)
		if _, _, err := r.open(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.done > 0
	}
	keep := func(*folderLimits) {}
	for i := range 4 {
		dir := t.TempDir()
		tiles(t, dir, "a.png", "b.png")
		dirs = append(dirs, dir)
		if i == 3 { // the first was used again, so the second is the oldest
			if open(dirs[0], keep) {
				t.Error("the first was not in the cache")
			}
			age(t, cache)
		}
		open(dir, keep)
		age(t, cache)
	}
	if n := len(cacheFiles(t, cache)); n != 3 {
		t.Errorf("%d files, want 3", n)
	}
	if open(dirs[0], keep) || open(dirs[2], keep) || open(dirs[3], keep) {
		t.Error("one of those used last is gone")
	}
	if !open(dirs[1], keep) {
		t.Error("the one not used for longest is still there")
	}
	// One that is larger than all of the cache is kept alone.
	other := t.TempDir()
	tiles(t, other, "a.png", "b.png")
	open(other, func(l *folderLimits) { l.cache = 1 })
	if n := len(cacheFiles(t, cache)); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

func FuzzReadCache(f *testing.F) {
	const key = "k"
	set := func(n int, labels bool) *Set {
		s := &Set{N: n, C: 1, H: 2, W: 3, Pixels: noise(6*n, 1)}
		if labels {
			s.Labels, s.Classes = make([]byte, n), []string{"a", "b"}
		}
		return s
	}
	for _, labels := range []bool{false, true} {
		var b bytes.Buffer
		if err := writeCache(&b, key, &sets{train: set(5, labels), test: set(2, labels), skipped: []skipped{{"a\n\xffb", "why", Own}}, notes: []string{"note"}}); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes()[len(cacheMagic)+sha256.Size:])
	}
	for _, header := range []string{
		`{"key":"k","shape":{"C":3,"H":128,"W":128},"train":1000000000,"test":1000000000}`, `{"key":"k","train":-1}`, `{}`, `[`,
		`{"key":"k","shape":{"C":1,"H":1,"W":1},"train":9223372036854775807,"test":1}`,
	} {
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(header))), header+"xx"...))
	}
	f.Fuzz(func(t *testing.T, rest []byte) {
		// With the right hash, so that more than the hash is tried.
		sum := sha256.Sum256(rest)
		b := slices.Concat([]byte(cacheMagic), sum[:], rest)
		s, err := readCache(bytes.NewReader(b), int64(len(b)), key, 1<<20)
		if _, bad := readCache(bytes.NewReader(changed(b, 20)), int64(len(b)), key, 1<<20); bad == nil {
			t.Fatal("a wrong hash went through")
		}
		if err != nil {
			return
		}
		s.train.check()
		s.test.check()
		var again bytes.Buffer
		if err := writeCache(&again, key, s); err != nil {
			t.Fatal(err)
		}
		back, err := readCache(bytes.NewReader(again.Bytes()), int64(again.Len()), key, 1<<20)
		if err != nil || fmt.Sprint(*back.train, *back.test, back.skipped, back.notes) != fmt.Sprint(*s.train, *s.test, s.skipped, s.notes) {
			t.Fatalf("round trip: %v", err)
		}
	})
}
