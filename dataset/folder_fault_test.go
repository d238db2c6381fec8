package dataset

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
	"github.com/joule-ml/joule/lane"
)

// TestFolderReplaced makes sure that what takes a file's place after the
// folder was listed is not read.
func TestFolderReplaced(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, numbered(7, "%d.png")...)
	r, err := newFolderReader(dir, Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.root.Close()
	l, err := r.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "secret.png")
	put(t, outside, tile(t, 99))
	for name, link := range map[string]string{"0.png": outside, "1.png": "2.png"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	put(t, filepath.Join(dir, "new"), tile(t, 98))
	if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "6.png")); err != nil {
		t.Fatal(err)
	}
	s, err := r.decode(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	got := append(shades(s.train), shades(s.test)...)
	slices.Sort(got)
	if !slices.Equal(got, []int{3, 4, 5, 6}) || len(s.skipped) != 3 {
		t.Errorf("read %v, passed over %v", got, s.skipped)
	}
}

// TestFolderFaults opens what is no folder of images, or one beyond the limits.
func TestFolderFaults(t *testing.T) {
	good := t.TempDir()
	tiles(t, good, "a/1.png", "a/2.png", "b/3.png")
	file := filepath.Join(good, "a", "1.png")
	broken := t.TempDir()
	tiles(t, broken, "a.png", "b.png")
	for _, name := range []string{"c.png", "d\n.png", "e.png"} {
		put(t, filepath.Join(broken, name), []byte("x"))
	}
	one := t.TempDir()
	tiles(t, one, "a.png")
	half := t.TempDir()
	tiles(t, half, "train/a.png", "train/c.png")
	put(t, filepath.Join(half, "val", "b.png"), []byte("x"))
	text := t.TempDir()
	put(t, filepath.Join(text, "a.txt"), []byte("x"))
	limits := func(change func(*folderLimits)) *folderLimits {
		l := defaultFolderLimits()
		change(&l)
		return &l
	}
	for _, test := range []struct {
		dir    string
		shape  lane.Shape
		limits *folderLimits
		want   string
	}{
		{filepath.Join(good, "nowhere"), lane.Shape{}, nil, "no such folder of images"},
		{file, lane.Shape{}, nil, "is no folder"},
		{text, lane.Shape{}, nil, "no PNG, JPEG, GIF, WebP, BMP or TIFF pictures in it, but 1 other file"},
		{t.TempDir(), lane.Shape{}, nil, "no PNG, JPEG, GIF, WebP, BMP or TIFF pictures in it"},
		{broken, lane.Shape{}, nil, "3 of 5 pictures cannot be read; the first is c.png: not a PNG"},
		{one, lane.Shape{}, nil, "0 pictures to train on and 1 held out can be read"},
		{half, lane.Shape{}, nil, "2 pictures to train on and 0 held out can be read"},
		{good, lane.Shape{C: 2}, nil, "2 channels"},
		{good, lane.Shape{H: 5}, nil, "height 5 and width 0"},
		{good, lane.Shape{H: MaxSide + 1, W: 1}, nil, "height 129"},
		{good, lane.Shape{}, limits(func(l *folderLimits) { l.pictures = 2 }), "more than 2 pictures"},
		{good, lane.Shape{}, limits(func(l *folderLimits) { l.entries = 3 }), "more than 3 files and folders"},
		{good, lane.Shape{}, limits(func(l *folderLimits) { l.depth = 0 }), "more than 0 folders deep"},
		{good, lane.Shape{C: 3, H: 100, W: 100}, limits(func(l *folderLimits) { l.bytes = 89_999 }), "3 pictures of 3×100×100 take 90000 bytes, more than 89999"},
	} {
		r, err := newFolderReader(test.dir, Options{Shape: test.shape, Cache: t.TempDir()})
		if err == nil {
			if test.limits != nil {
				r.limit(*test.limits)
			}
			_, _, err = r.open(t.Context())
			r.root.Close()
		}
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || e.Hint == "" || e.File != test.dir {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// TestFolderCancelled stops before anything is read, and while pictures are.
func TestFolderCancelled(t *testing.T) {
	good := t.TempDir()
	tiles(t, good, "a.png", "b.png")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, _, err := OpenFolder(ctx, good, Options{Cache: t.TempDir()}); !errors.Is(err, stop) {
		t.Errorf("canceled: %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	many := t.TempDir()
	tiles(t, many, numbered(200, "%d.png")...)
	last := 0
	_, _, err := OpenFolder(ctx, many, Options{Cache: t.TempDir(), Folder: func(e FolderEvent) {
		last = e.Done
		cancel(stop)
	}})
	if !errors.Is(err, stop) || last == 200 {
		t.Errorf("canceled after the first: %v after %d", err, last)
	}
}

// TestMNISTShape has the images of a known set in a shape that they are not of.
func TestMNISTShape(t *testing.T) {
	if _, _, err := Open(t.Context(), "mnist", Options{Shape: lane.Shape{C: 3}, Offline: true}); err == nil || !strings.Contains(err.Error(), "28×28 in gray") {
		t.Errorf("MNIST in colour: %v", err)
	}
}

// TestBudget makes sure that no more is decoded at a time than allowed, and
// that the largest picture still is.
func TestBudget(t *testing.T) {
	b := newBudget(10)
	var errs []error
	now, most := 0, 0
	errs = each(t.Context(), 40, func(i int) error {
		n := int64(1 + i%10)
		b.take(n)
		defer b.give(n)
		b.mu.Lock()
		now += int(n)
		most = max(most, now)
		b.mu.Unlock()
		runtime.Gosched()
		b.mu.Lock()
		now -= int(n)
		b.mu.Unlock()
		return nil
	}, func(int) {})
	if len(errs) != 40 || most > 10 || b.left != 10 {
		t.Errorf("%d at a time, %d left", most, b.left)
	}
}

// FuzzFolder opens a folder with a hostile file among good ones.
func FuzzFolder(f *testing.F) {
	f.Add("x.png", []byte("nothing"))
	f.Add("new\nline.jpg", hugePNG(1<<31-1, 1<<31-1))
	f.Add("\xff.gif", []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"))
	f.Add("train/a.png", tile(f, 3))
	f.Add("..png", tile(f, 3)[:40])
	f.Add("own.png", withText(tile(f, 3), "tEXt", ownKey+"model"))
	f.Add("own.gif", withComment(f, ownKey+"model"))
	f.Add("cat/valid/a", tile(f, 3))
	dir, cache := f.TempDir(), f.TempDir()
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if !filepath.IsLocal(name) || len(name) > 60 || strings.Count(name, "/") > 4 || strings.Contains(name, "good") {
			t.Skip()
		}
		os.RemoveAll(dir)
		tiles(t, dir, "good1.png", "good2.png")
		path := filepath.Join(dir, name)
		if os.MkdirAll(filepath.Dir(path), 0o777) != nil || os.WriteFile(path, content, 0o666) != nil {
			t.Skip() // no name of a file here
		}
		if p, err := imagefile.Open(bytes.NewReader(content), int64(len(content))); err == nil && p.Width*p.Height > 1<<20 {
			t.Skip("a large picture takes its time")
		}
		for range 2 { // read, then from the cache
			train, test, err := Open(t.Context(), dir, Options{Cache: cache, Shape: lane.Shape{C: 1, H: 2, W: 2}, Folder: func(e FolderEvent) {
				if e.Cache {
					t.Fatal(e.Err)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			train.check()
			test.check()
			if n := train.N + test.N; n != 2 && n != 3 {
				t.Fatalf("%d images", n)
			}
		}
	})
}
