package torchfile

import (
	"archive/zip"
	"strings"
	"testing"
)

// FuzzPickle runs any pickle.
func FuzzPickle(f *testing.F) {
	f.Add([]byte(p2 + "cos\nsystem\n" + str("id") + "\x85R."))
	f.Add([]byte(p2 + "}(" + str("a") + window(stored("FloatStorage", "0", 4), 0, 4, 1) + str("b") + "](K\x01M\x02\x03J\xff\xff\xff\xffeu."))
	f.Add([]byte("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94\x8f(K\x01\x90\x86."))
	f.Add([]byte(p2 + "c__main__\nA\n)\x81}b(NNu(Ne\x8a\x0a" + magic + "G?\xf0\x00\x00\x00\x00\x00\x00\x87."))
	f.Add([]byte(p2 + strings.Repeat("]", 50) + strings.Repeat("a", 49) + "."))
	for _, c := range rebuilds() {
		f.Add([]byte(p2 + c.pickle + "."))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := run(string(b))
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Hint == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		Kind(v)
		Lookup(v, "a")
	})
}

// FuzzDecode reads any file and all tensors in it.
func FuzzDecode(f *testing.F) {
	// Short, for the fuzzer spends its time on making what it finds shorter.
	f.Add(archive(f, zip.Deflate, "m/data.pkl", pickle, "m/data/0", four))
	f.Add(archive(f, zip.Store, "m/data.pkl", pickle, "m/byteorder", "big", "m/data/0", four))
	f.Add(legacy(pickle, keys, length, four))
	for _, c := range rebuilds() {
		f.Add(archive(f, zip.Store, "m/data.pkl", p2+"}"+str("a")+c.pickle+"s.", "m/data/0", four))
	}
	for _, name := range []string{"a.npy", "model.weights.h5", "archive_format", "a.ckpt", "m/constants.pkl"} {
		f.Add(archive(f, zip.Store, "m/data.pkl", "", name, ""))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := decode(b)
		var all map[string][]float32
		if err == nil {
			all, err = tensors(file, file.Root, 0)
		}
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Hint == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		n := 0
		for _, numbers := range all {
			n += len(numbers)
		}
		if n > len(b)+spread {
			t.Fatalf("%d numbers of %d bytes", n, len(b))
		}
	})
}
