package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const trainImages = "train-images-idx3-ubyte"

func TestOpenFromFolders(t *testing.T) {
	for _, where := range []string{"dir", "cache", "system"} {
		for _, gz := range []bool{false, true} {
			root := t.TempDir()
			s := tiny()
			s.system = filepath.Join(root, "system")
			opt := Options{Dir: root, Cache: filepath.Join(root, "cache"), Offline: true}
			fill(t, map[string]string{
				"dir":    filepath.Join(root, "Tiny", "raw"),
				"cache":  filepath.Join(root, "cache", "tiny"),
				"system": s.system,
			}[where], gz)
			train, test, err := newFinder(s, opt).open(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			checkTiny(t, train, test)
		}
	}
}

// TestDataFolderLayouts has the files as those who made or packed them do.
func TestDataFolderLayouts(t *testing.T) {
	for _, layout := range []string{"Tiny/raw", "Tiny", "tiny", "raw", "."} {
		for _, name := range []func(string) string{
			func(n string) string { return n },
			func(n string) string { return strings.Replace(n, "-idx", ".idx", 1) },
			func(n string) string { return n + "/" + n },
			func(n string) string {
				return strings.Replace(n, "-idx", ".idx", 1) + "/" + strings.Replace(n, "-idx", ".idx", 1)
			},
		} {
			for _, gz := range []bool{false, true} {
				root := t.TempDir()
				for n, b := range payload() {
					path := filepath.Join(root, layout, name(n))
					if gz {
						path, b = path+".gz", compress(b)
					}
					put(t, path, b)
				}
				train, test, err := newFinder(tiny(), Options{Dir: root, Cache: t.TempDir(), Offline: true}).open(t.Context())
				if err != nil {
					t.Errorf("%s, %s, %v: %v", layout, name("n-idx"), gz, err)
					continue
				}
				checkTiny(t, train, test)
			}
		}
	}
}

// TestOtherForms: the data in a form that is not read is named.
func TestOtherForms(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "tiny_train.csv"), []byte("label,1x1"))
	_, _, err := newFinder(tiny(), Options{Dir: root, Cache: t.TempDir(), Offline: true}).open(t.Context())
	if err == nil || !strings.Contains(err.Error(), filepath.Join(root, "tiny_train.csv")+" is not of the IDX format") {
		t.Errorf("error %v", err)
	}
}

// The order is the data folder, the cache, Debian's package.
func TestOrderOfPlaces(t *testing.T) {
	root := t.TempDir()
	s := tiny()
	s.system = filepath.Join(root, "system")
	raw, cache := filepath.Join(root, "Tiny", "raw"), filepath.Join(root, "cache", "tiny")
	for _, dir := range []string{raw, cache, s.system} {
		fill(t, dir, false)
		fill(t, dir, true)
	}
	f := newFinder(s, Options{Dir: root, Cache: filepath.Join(root, "cache"), Offline: true})
	for _, want := range []string{
		filepath.Join(raw, trainImages), filepath.Join(raw, trainImages+".gz"),
		filepath.Join(cache, trainImages+".gz"), filepath.Join(cache, trainImages),
		filepath.Join(s.system, trainImages), filepath.Join(s.system, trainImages+".gz"),
	} {
		if _, l, err := f.find(t.Context(), &s.trainImages, false); err != nil || l.path != want {
			t.Errorf("found %s, error %v, not %s", l.path, err, want)
		}
		os.Remove(want)
	}
	_, _, err := f.find(t.Context(), &s.trainImages, false)
	var e *Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("found nowhere: %v", err)
	}
	for _, dir := range []string{raw, cache, s.system} {
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("%v does not say that %s was looked at", err, dir)
		}
	}
}

func TestWrongFileInDir(t *testing.T) {
	good := payload()[trainImages]
	other := slices.Clone(good)
	other[100] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"changed":   {other, "wrong contents: SHA-256 of the data is"},
		"truncated": {good[:1000], "truncated: it ends after 984 of 60000 bytes"},
		"oversized": {append(slices.Clone(good), 1), "oversized"},
		"shape":     {encodeIDX([]int{50, 30, 40}, good[16:]), "an array of [50 30 40], not of [50 40 30]"},
		"html":      {[]byte("<!DOCTYPE html>"), "not an IDX file"},
		"empty":     {nil, "truncated"},
		"cut gzip":  {compress(good)[:5000], "truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			cache := filepath.Join(root, "cache")
			fill(t, filepath.Join(cache, "tiny"), true)
			path := filepath.Join(root, "Tiny", "raw", trainImages)
			put(t, path, c.data)
			_, _, err := newFinder(tiny(), Options{Dir: root, Cache: cache}).open(t.Context())
			var e *Error
			if !errors.As(err, &e) || e.File != path || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(e.Hint, "remove it") {
				t.Errorf("hint %q", e.Hint)
			}
		})
	}
}

func TestDirFaults(t *testing.T) {
	root := t.TempDir()
	cache := filepath.Join(root, "cache")
	fill(t, filepath.Join(cache, "tiny"), true)
	open := func(dir string) error {
		_, _, err := newFinder(tiny(), Options{Dir: dir, Cache: cache, Offline: true}).open(t.Context())
		return err
	}
	if err := open(root); err != nil {
		t.Errorf("a data folder without the data set hides the cache: %v", err)
	}
	plainFile := filepath.Join(root, "file")
	put(t, plainFile, nil)
	for dir, want := range map[string]string{
		filepath.Join(root, "none"): "no such data folder",
		plainFile:                   "the data folder is a file",
	} {
		err := open(dir)
		var e *Error
		if !errors.As(err, &e) || e.File != dir || e.Hint == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	folder := filepath.Join(root, "Tiny", "raw", trainImages)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := open(root); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder in place of a file: %v", err)
	}
}

func TestDamagedCacheOffline(t *testing.T) {
	cache := t.TempDir()
	fill(t, filepath.Join(cache, "tiny"), true)
	path := filepath.Join(cache, "tiny", trainImages+".gz")
	put(t, path, compress(payload()[trainImages])[:3000])
	var events []Event
	opt := Options{Cache: cache, Offline: true, Progress: func(e Event) { events = append(events, e) }}
	_, _, err := newFinder(tiny("https://mirror.invalid/"), opt).open(t.Context())
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), path+": truncated") || !strings.Contains(err.Error(), "offline") || e.Hint == "" {
		t.Errorf("error %v", err)
	}
	if len(events) != 1 || events[0].Source != path || events[0].Err == nil {
		t.Errorf("events %+v", events)
	}
}

// A damaged file in the cache does not hide a good one that comes later.
func TestDamagedCacheSystem(t *testing.T) {
	root := t.TempDir()
	s := tiny()
	s.system = filepath.Join(root, "system")
	fill(t, s.system, true)
	fill(t, filepath.Join(root, "tiny"), true)
	put(t, filepath.Join(root, "tiny", trainImages+".gz"), []byte("damaged"))
	train, test, err := newFinder(s, Options{Cache: root, Offline: true}).open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkTiny(t, train, test)
}

func TestOfflineStartsNothing(t *testing.T) {
	s := tiny("https://mirror.invalid/")
	s.module = &module{path: "example.org/m", version: "v1.0.0"}
	f := newFinder(s, Options{Cache: t.TempDir(), Offline: true})
	t.Setenv("JOULE_TEST_ROLE", "go")
	mark := filepath.Join(t.TempDir(), "ran")
	t.Setenv("JOULE_TEST_MARK", mark)
	f.goTool = os.Args[0]
	if _, _, err := f.open(t.Context()); err == nil || !strings.Contains(err.Error(), "offline") {
		t.Errorf("error %v", err)
	}
	if f.client != nil {
		t.Error("the network was used")
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the go command was run")
	}
}

func TestOpenCancelled(t *testing.T) {
	cache := t.TempDir()
	fill(t, filepath.Join(cache, "tiny"), true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := newFinder(tiny(), Options{Cache: cache}).open(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestUnknownName(t *testing.T) {
	_, _, err := Open(t.Context(), "minst", Options{})
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, `did you mean "mnist"?`) {
		t.Errorf("error %v", err)
	}
	_, err = About("cifar10")
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "mnist, fashion-mnist") {
		t.Errorf("error %v", err)
	}
	for name, want := range map[string]string{
		"MNIST": "mnist", "Mnist": "mnist", "mnits": "mnist", "ylecun/mnist": "mnist", "FashionMNIST": "fashion-mnist", "fashion_mnist": "fashion-mnist",
		"Fashion-MNIST": "fashion-mnist", "fmnist": "fashion-mnist", "photos": "", "": "", "svhn": "",
	} {
		if got := Suggest(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := About("minst"); err == nil {
		t.Error("no error")
	}
	if _, err := List("minst", Options{}); err == nil {
		t.Error("no error")
	}
}

func TestNoCacheFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Setenv("LocalAppData", "")
	}
	t.Setenv("HOME", "")
	t.Setenv("home", "")
	t.Setenv("XDG_CACHE_HOME", "")
	root := t.TempDir()
	fill(t, filepath.Join(root, "Tiny", "raw"), true)
	if _, _, err := newFinder(tiny(), Options{Dir: root}).open(t.Context()); err != nil {
		t.Errorf("the data folder needs no cache: %v", err)
	}
	_, _, err := newFinder(tiny("https://mirror.invalid/"), Options{}).open(t.Context())
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "no cache folder") || e.Hint == "" {
		t.Errorf("error %v", err)
	}
	if _, _, err = newFinder(tiny(), Options{Offline: true}).open(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestUnwritableCache(t *testing.T) {
	server := serveTiny(t, nil)
	root := t.TempDir()
	blocked := filepath.Join(root, "file")
	put(t, blocked, nil)
	_, _, err := newFinder(tiny(server), Options{Cache: blocked}).open(t.Context())
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "cannot create the cache folder") || !strings.Contains(err.Error(), blocked) {
		t.Errorf("error %v", err)
	}

	// A folder where the file should go: nothing can replace it.
	path := filepath.Join(root, "tiny", trainImages+".gz")
	if err := os.MkdirAll(path, 0o777); err != nil {
		t.Fatal(err)
	}
	_, _, err = newFinder(tiny(server), Options{Cache: root}).open(t.Context())
	if !errors.As(err, &e) || e.File != path || e.What != "cannot write to the cache" || e.Hint == "" {
		t.Errorf("error %v", err)
	}
	// A fault of the disk is not held against the mirror.
	if strings.Contains(err.Error(), server) {
		t.Errorf("%v blames the mirror", err)
	}
}
