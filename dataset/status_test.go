package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func list(f *finder, file *file) (File, error) { return f.first(file), nil }

func TestStatus(t *testing.T) {
	root := t.TempDir()
	cache := filepath.Join(root, "tiny")
	fill(t, cache, true)
	dir := t.TempDir()
	raw := filepath.Join(dir, "Tiny", "raw")
	put(t, filepath.Join(raw, trainImages), payload()[trainImages])
	put(t, filepath.Join(cache, "t10k-images-idx3-ubyte.gz"), []byte("damaged"))
	if err := os.Remove(filepath.Join(cache, "t10k-labels-idx1-ubyte.gz")); err != nil {
		t.Fatal(err)
	}
	f := newFinder(tiny(), Options{Dir: dir, Cache: root, Offline: true})
	found, err := f.each(list)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := f.each(func(f *finder, file *file) (File, error) { return f.verify(t.Context(), file) })
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		name        string
		state       State
		place, path string
	}{
		{trainImages, Verified, "data folder", filepath.Join(raw, trainImages)},
		{"train-labels-idx1-ubyte", Verified, "cache", filepath.Join(cache, "train-labels-idx1-ubyte.gz")},
		{"t10k-images-idx3-ubyte", Damaged, "cache", filepath.Join(cache, "t10k-images-idx3-ubyte.gz")},
		{"t10k-labels-idx1-ubyte", Missing, "", ""},
	} {
		a, b := found[i], verified[i]
		if b.Name != want.name || b.State != want.state || b.Place != want.place || b.Path != want.path {
			t.Errorf("Verify says %+v, not %+v", b, want)
		}
		if (b.Err != nil) != (want.state == Damaged) {
			t.Errorf("%s: error %v", b.Name, b.Err)
		}
		wantFound := Found
		if want.state == Missing {
			wantFound = Missing
		}
		if a.State != wantFound || a.Path != b.Path || a.Err != nil {
			t.Errorf("List says %+v", a)
		}
		if st, err := os.Stat(want.path); err == nil && a.Size != st.Size() {
			t.Errorf("%s: %d bytes, not %d", a.Name, a.Size, st.Size())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.each(func(f *finder, file *file) (File, error) { return f.verify(ctx, file) }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestFetch(t *testing.T) {
	cache := t.TempDir()
	f := newFinder(tiny(serveTiny(t, nil)), Options{Cache: cache})
	files, err := f.each(func(f *finder, file *file) (File, error) { return f.ensure(t.Context(), file) })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range files {
		if s.State != Verified || s.Path != filepath.Join(cache, "tiny", s.Name+".gz") || s.Size == 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestNotices(t *testing.T) {
	for name, words := range map[string][]string{
		"mnist":         {"LeCun", "Cortes", "Burges", "Attribution-Share Alike 3.0"},
		"fashion-mnist": {"Zalando", "MIT"},
	} {
		info, err := About(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(info.Notice(), w) {
				t.Errorf("%q lacks %q", info.Notice(), w)
			}
		}
	}
	for _, s := range specs() {
		for _, f := range s.files() {
			if len(f.sha256) != 64 {
				t.Errorf("%s: SHA-256 %q", f.name, f.sha256)
			}
		}
	}
	if s := specs()[0]; s.trainImages.size() != 47040016 || s.testLabels.size() != 10008 {
		t.Errorf("sizes %d and %d", s.trainImages.size(), s.testLabels.size())
	}
	for s, want := range map[State]string{Missing: "missing", Found: "found", Verified: "verified", Damaged: "damaged", 9: "unknown"} {
		if s.String() != want {
			t.Errorf("state %d is %q", s, s)
		}
	}
}

// List, Verify and Fetch of a data set by name, without the network.
func TestStatusByName(t *testing.T) {
	opt := Options{Cache: t.TempDir(), Offline: true}
	for _, look := range []func() ([]File, error){
		func() ([]File, error) { return List("mnist", opt) },
		func() ([]File, error) { return Verify(t.Context(), "mnist", opt) },
	} {
		files, err := look()
		if err != nil || len(files) != 4 || files[0].State != Missing || files[0].Name != trainImages {
			t.Errorf("%+v, error %v", files, err)
		}
	}
	var e *Error
	if _, err := Fetch(t.Context(), "mnist", opt); !errors.As(err, &e) {
		t.Errorf("error %v", err)
	}
}
