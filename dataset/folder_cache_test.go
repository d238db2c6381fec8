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

func TestCache(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	tiles(t, dir, numbered(30, "c%d/x.png")...)
	put(t, filepath.Join(dir, "c0", "broken.png"), []byte("x"))
	opt := Options{Cache: cache}
	train, test, p := openTest(t, dir, opt)
	if p.done == 0 || len(p.files) != 1 {
		t.Fatalf("%+v", p)
	}
	same := func(what string, read bool) {
		t.Helper()
		a, b, p := openTest(t, dir, opt)
		if a.Hash() != train.Hash() || b.Hash() != test.Hash() || !bytes.Equal(a.Labels, train.Labels) || !bytes.Equal(b.Labels, test.Labels) ||
			!slices.Equal(a.Classes, train.Classes) || !slices.Equal(b.Classes, test.Classes) || a.Name != dir || len(p.files) != 1 {
			t.Errorf("%s: other sets, or %v passed over", what, p.files)
		}
		if (p.done > 0) != read {
			t.Errorf("%s: pictures read: %v", what, p.done > 0)
		}
	}
	same("at once", false)

	// A file with another time is read anew, and so is a folder that lost one.
	now := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "c1", "x.png"), now, now); err != nil {
		t.Fatal(err)
	}
	same("another time", true)
	same("another time, again", false)
	if a, _, _ := openTest(t, dir, Options{Cache: cache, Shape: lane.Shape{C: 3}}); a.C != 3 {
		t.Errorf("another shape: %d channels", a.C)
	}
	if n := len(cacheFiles(t, cache)); n != 3 {
		t.Errorf("%d files in the cache", n)
	}

	// Whatever is wrong with the file, the pictures are read and it is mended.
	var file string
	var newest time.Time
	for _, f := range cacheFiles(t, cache) {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if st.ModTime().After(newest) && bytes.Contains(b, []byte(`"C":1`)) {
			file, newest = f, st.ModTime()
		}
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"empty": nil, "short": whole[:len(whole)-1], "long": append(bytes.Clone(whole), 0), "magic only": whole[:20],
		"header": changed(whole, 60), "hash": changed(whole, 16), "pixel": changed(whole, len(whole)-1), "length": changed(whole, 47),
	} {
		put(t, file, b)
		_, _, p := openTest(t, dir, opt)
		if len(p.cache) != 1 || p.done == 0 {
			t.Errorf("%s: %v, pictures read: %v", what, p.cache, p.done > 0)
		}
		same(what+", mended", false)
	}

	// Without a place for the cache there is none.
	blocked := filepath.Join(t.TempDir(), "file")
	put(t, blocked, []byte("x"))
	opt.Cache = blocked
	a, _, p := openTest(t, dir, opt)
	if a.Hash() != train.Hash() || len(p.cache) == 0 {
		t.Errorf("blocked cache: %v", p.cache)
	}
}

func changed(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x41
	return b
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
	age := func(hours int) { // of all files, beyond what clocks resolve
		for _, f := range cacheFiles(t, cache) {
			st, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			at := st.ModTime().Add(-time.Duration(hours) * time.Hour)
			if err := os.Chtimes(f, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 4 {
		dir := t.TempDir()
		tiles(t, dir, "a.png", "b.png")
		dirs = append(dirs, dir)
		if i == 3 { // the first was used again, so the second is the oldest
			if open(dirs[0], keep) {
				t.Error("the first was not in the cache")
			}
			age(1)
		}
		open(dir, keep)
		age(1)
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
		if err := writeCache(&b, key, &sets{set(5, labels), set(2, labels), []skipped{{"a\nb", "why"}}}); err != nil {
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
		if err != nil || fmt.Sprint(*back.train, *back.test, back.skipped) != fmt.Sprint(*s.train, *s.test, s.skipped) {
			t.Fatalf("round trip: %v", err)
		}
	})
}
