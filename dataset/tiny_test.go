package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestMain lets the test binary stand in for the go command and for other
// processes at work on one cache.
func TestMain(m *testing.M) {
	switch os.Getenv("JOULE_TEST_ROLE") {
	case "go":
		os.Exit(fakeGo())
	case "fetch":
		f := newFinder(tiny(os.Getenv("JOULE_TEST_MIRROR")), Options{Cache: os.Getenv("JOULE_TEST_CACHE")})
		if _, _, err := f.open(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// encodeIDX is the inverse of ReadIDX.
func encodeIDX(dims []int, data []byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, data...)
}

func compress(b []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

// noise returns n bytes that gzip cannot compress.
func noise(n int, seed byte) []byte {
	b := make([]byte, 0, n+32)
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256([]byte{seed, byte(i), byte(i >> 8), byte(i >> 16)})
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// payload returns the contents of a tiny data set's files by name; packed
// returns them compressed. Nobody may change either.
var payload = sync.OnceValue(func() map[string][]byte {
	return map[string][]byte{
		"train-images-idx3-ubyte": encodeIDX([]int{50, 40, 30}, noise(50*40*30, 1)),
		"train-labels-idx1-ubyte": encodeIDX([]int{50}, noise(50, 2)),
		"t10k-images-idx3-ubyte":  encodeIDX([]int{7, 40, 30}, noise(7*40*30, 3)),
		"t10k-labels-idx1-ubyte":  encodeIDX([]int{7}, noise(7, 4)),
	}
})

var packed = sync.OnceValue(func() map[string][]byte {
	all := map[string][]byte{}
	for name, b := range payload() {
		all[name] = compress(b)
	}
	return all
})

// tiny returns the spec of that data set. It has no module and no Debian
// package.
func tiny(mirrors ...string) *spec {
	all := payload()
	describe := func(name string, dims ...int) file {
		sum := sha256.Sum256(all[name])
		return file{name, hex.EncodeToString(sum[:]), dims}
	}
	return &spec{
		info:        Info{Name: "tiny"},
		folder:      "Tiny",
		mirrors:     mirrors,
		trainImages: describe("train-images-idx3-ubyte", 50, 40, 30),
		trainLabels: describe("train-labels-idx1-ubyte", 50),
		testImages:  describe("t10k-images-idx3-ubyte", 7, 40, 30),
		testLabels:  describe("t10k-labels-idx1-ubyte", 7),
	}
}

// fill writes the tiny data set's files to a folder, compressed or plain.
func fill(t *testing.T, dir string, gz bool) {
	t.Helper()
	for name, b := range payload() {
		if gz {
			name, b = name+".gz", packed()[name]
		}
		put(t, filepath.Join(dir, name), b)
	}
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// checkTiny makes sure that the sets are the tiny data set's.
func checkTiny(t *testing.T, train, test *Set) {
	t.Helper()
	all := payload()
	for _, c := range []struct {
		set            *Set
		n              int
		images, labels string
	}{
		{train, 50, "train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
		{test, 7, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
	} {
		s := c.set
		if s.Name != "tiny" || s.N != c.n || s.C != 1 || s.H != 40 || s.W != 30 {
			t.Errorf("%s: %d images of %d×%d×%d", s.Name, s.N, s.C, s.H, s.W)
		}
		if !bytes.Equal(s.Pixels, all[c.images][16:]) {
			t.Errorf("pixels differ from %s", c.images)
		}
		if !bytes.Equal(s.Labels, all[c.labels][8:]) {
			t.Errorf("labels differ from %s", c.labels)
		}
		s.check()
	}
}
