package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

// rebuilt is a pickle that calls a function of torch._utils, or of the module
// that is named, with a tuple of arguments.
func rebuilt(function, args string) string {
	if !strings.Contains(function, "\n") {
		function = "torch._utils\n" + function
	}
	return "c" + function + "\n(" + args + "tR"
}

// base are the first arguments of a tensor of the numbers 2 and 3 of four.
var (
	base   = stored("FloatStorage", "0", 4) + "K\x01K\x02\x85K\x01\x85"
	bytes8 = stored("UntypedStorage", "0", 16) + "K\x01K\x02\x85K\x01\x85"
	plain  = base + "\x89N" // requires_grad, hooks
	marks  = func(key, value string) string { return "}" + str(key) + value + "s" }
)

// A rebuild is a pickle of a tensor, its numbers, or what it is said to be.
type rebuild struct {
	pickle string
	want   []float32
	fault  string
}

func rebuilds() map[string]rebuild {
	two := rebuilt("_rebuild_tensor_v2", plain)
	negative := rebuilt("_rebuild_tensor_v2", plain+marks("neg", "\x88"))
	return map[string]rebuild{
		"v1":                 {rebuilt("_rebuild_tensor", base), []float32{2, 3}, ""},
		"v2":                 {two, []float32{2, 3}, ""},
		"v2 trained":         {rebuilt("_rebuild_tensor_v2", base+"\x88ccollections\nOrderedDict\n)R"), []float32{2, 3}, ""},
		"v2 no marks":        {rebuilt("_rebuild_tensor_v2", plain+"N"), []float32{2, 3}, ""},
		"v2 neg":             {negative, []float32{-2, -3}, ""},
		"v2 not neg":         {rebuilt("_rebuild_tensor_v2", plain+marks("neg", "\x89")), nil, `is marked "neg" with a bool`},
		"v2 conj":            {rebuilt("_rebuild_tensor_v2", plain+marks("conj", "\x88")), nil, `is marked "conj" with a bool`},
		"v2 unknown mark":    {rebuilt("_rebuild_tensor_v2", plain+marks("\x1b[2J", "\x88")), nil, `is marked "\x1b[2J" with a bool`},
		"v2 neg of an int":   {rebuilt("_rebuild_tensor_v2", plain+marks("neg", "K\x01")), nil, `is marked "neg" with an int`},
		"v2 marks":           {rebuilt("_rebuild_tensor_v2", plain+"K\x01"), nil, "is marked with an int"},
		"v2 requires_grad":   {rebuilt("_rebuild_tensor_v2", base+"K\x01N"), nil, "an int for requires_grad"},
		"v2 hooks":           {rebuilt("_rebuild_tensor_v2", base+"\x89K\x01"), nil, "an int for its backward hooks"},
		"v2 too many":        {rebuilt("_rebuild_tensor_v2", plain+"NN"), nil, "a tensor of 8 arguments"},
		"v3":                 {rebuilt("_rebuild_tensor_v3", bytes8+"\x89Nctorch\nfloat32\n"), []float32{2, 3}, ""},
		"v3 neg":             {rebuilt("_rebuild_tensor_v3", bytes8+"\x89Nctorch\nfloat32\n"+marks("neg", "\x88")), []float32{-2, -3}, ""},
		"v3 integers":        {rebuilt("_rebuild_tensor_v3", bytes8+"\x89Nctorch\nuint16\n"), nil, "does not hold numbers of floating point"},
		"v3 beyond":          {rebuilt("_rebuild_tensor_v3", bytes8+"\x89Nctorch\ncomplex128\n"), nil, "beyond its storage of 1"},
		"v3 unknown type":    {rebuilt("_rebuild_tensor_v3", bytes8+"\x89Nctorch\nfloat3\n"), nil, "a tensor of an unknown type of numbers"},
		"parameter":          {rebuilt("_rebuild_parameter", two+"\x88}"), []float32{2, 3}, ""},
		"negative one":       {rebuilt("_rebuild_parameter", negative+"\x88}"), []float32{-2, -3}, ""},
		"parameter, state":   {rebuilt("_rebuild_parameter_with_state", two+"\x88}"+marks("a", "N")), []float32{2, 3}, ""},
		"parameter, slots":   {rebuilt("_rebuild_parameter_with_state", two+"\x88}N"+marks("data", two)+"\x86"), nil, `has an attribute "data"`},
		"parameter of none":  {rebuilt("_rebuild_parameter", "N\x88}"), nil, "an object of torch._utils._rebuild_parameter"},
		"parameter of one":   {rebuilt("_rebuild_parameter", two), nil, "a parameter of 1 arguments"},
		"from a device":      {rebuilt("_rebuild_device_tensor_from_cpu_tensor", two+"ctorch\nfloat32\n"+str("xla:0")+"\x88"), []float32{2, 3}, ""},
		"to another type":    {rebuilt("_rebuild_device_tensor_from_cpu_tensor", two+"ctorch\nint8\n"+str("xla:0")+"\x88"), nil, "was copied to another type"},
		"from NumPy":         {rebuilt("_rebuild_device_tensor_from_numpy", "NNNN"), nil, "saved as a NumPy array"},
		"type":               {rebuilt("torch._tensor\n_rebuild_from_type_v2", "ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n("+plain+"t}"), []float32{2, 3}, ""},
		"type with data":     {rebuilt("torch._tensor\n_rebuild_from_type_v2", "ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n("+plain+"t"+marks("data", two)), nil, `has an attribute "data"`},
		"type of a subclass": {rebuilt("torch._tensor\n_rebuild_from_type_v2", "ctorch._utils\n_rebuild_tensor_v2\ncmy\nTensor\n("+plain+"t}"), nil, "an object of my.Tensor"},
		"type of a type":     {rebuilt("torch._tensor\n_rebuild_from_type_v2", "ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n("+plain+"t}"), nil, "an object of torch._tensor"},
		"quantised":          {rebuilt("_rebuild_parameter", rebuilt("_rebuild_qtensor", plain)+"\x88}"), nil, "a quantised tensor"},
		"sparse":             {rebuilt("_rebuild_sparse_tensor", "NN"), nil, "a sparse tensor"},
		"changed":            {two + "(NNNNtb", nil, "puts something into a tensor"},
	}
}

// TestRebuild makes tensors by every function with a meaning here, and finds
// what their arguments say of the numbers.
func TestRebuild(t *testing.T) {
	for name, c := range rebuilds() {
		t.Run(name, func(t *testing.T) {
			f, err := decode(archive(t, zip.Store, "m/data.pkl", p2+c.pickle+".", "m/data/0", four))
			var got []float32
			fault := ""
			if err == nil {
				tensor, ok := f.Root.(*Tensor)
				if !ok {
					fault = Kind(f.Root)
				} else {
					got, err = f.Float32(tensor)
				}
			}
			if err != nil {
				fault = err.Error()
			}
			if !slices.Equal(got, c.want) || !strings.Contains(fault, c.fault) || (fault == "") != (c.fault == "") {
				t.Errorf("%v, fault %q, want %v, %q", got, fault, c.want, c.fault)
			}
		})
	}
}

// TestParts reads a part of a storage, as PyTorch before 0.4 wrote it.
func TestParts(t *testing.T) {
	part := func(first, n string) string {
		id := strings.TrimSuffix(stored("FloatStorage", "0", 4), "tQ") + str("v") + first + n + "\x87tQ"
		return p2 + rebuilt("_rebuild_tensor", id+"K\x01K\x02\x85K\x01\x85") + "."
	}
	f, err := decode(legacy(part("K\x01", "K\x03"), keys, length, four))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Float32(f.Root.(*Tensor)); err != nil || !slices.Equal(got, []float32{3, 4}) {
		t.Errorf("%v, error %v", got, err)
	}
	refuse(t, map[string]string{
		part("K\x01", "K\x04"):             "a view of a storage is not within it",
		part("K\x02", "K\x02"):             "beyond its storage of 2",
		part("J\xff\xff\xff\xff", "K\x02"): "a view of a storage is not within it",
		part("N", "N"):                     "a view of a storage is not within it",
	})
}

// TestBytes reads numbers that begin with the highest byte, where an archive
// says so. A file of old never has them, whatever it says of the machine.
func TestBytes(t *testing.T) {
	reversed := []byte(four)
	for i := 0; i < len(reversed); i += 4 {
		slices.Reverse(reversed[i : i+4])
	}
	for name, file := range map[string][]byte{
		"archive": archive(t, zip.Store, "m/data.pkl", pickle, "m/byteorder", "big", "m/data/0", string(reversed)),
		"legacy":  bytes.Replace(legacy(pickle, keys, length, four), []byte("\x88s."), []byte("\x89s."), 1),
	} {
		f, err := decode(file)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := tensors(f, f.Root, 0); err != nil || !slices.Equal(got["a"], []float32{1, 2, 3, 4}) {
				t.Errorf("%s: %v, error %v", name, got, err)
			}
		}
	}
}

// TestNoChecksums reads archives whose checksums are 0, which torch.save can
// leave out, but no wrong ones.
func TestNoChecksums(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		file := archive(t, method, "m/data.pkl", pickle, "m/data/0", four)
		for _, b := range []string{pickle, four} {
			var sum [4]byte
			for i := range sum {
				sum[i] = byte(crc32.ChecksumIEEE([]byte(b)) >> (8 * i))
			}
			if bytes.Count(file, sum[:]) != 2 {
				t.Fatal("the archive has no data descriptors")
			}
			file = bytes.ReplaceAll(file, sum[:], make([]byte, 4))
		}
		f, err := decode(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tensors(f, f.Root, 0); err != nil || !slices.Equal(got["a"], []float32{1, 2, 3, 4}) {
			t.Errorf("method %d: %v, error %v", method, got, err)
		}
	}
}

// TestMethod refuses what archive/zip cannot unpack, as PyTorch does, and does
// not call it damaged.
func TestMethod(t *testing.T) {
	file := bytes.ReplaceAll(archive(t, zip.Deflate, "m/data.pkl", pickle), []byte{8, 0, 8, 0}, []byte{8, 0, 14, 0}) // LZMA
	var e *Error
	if _, err := decode(file); !errors.As(err, &e) || !strings.Contains(e.Fault, "in a way that is not read") || e.Hint != hintStore {
		t.Error(err)
	}
}

// Where PyTorch and Joule differ on purpose. PyTorch passes over marks that it
// does not know, takes {'neg': False} for True, a type from a copy and numbers
// from an attribute.
var stricter = []string{"v2-mark-unknown", "v2-neg-false", "from-device-double", "with-data"}

// TestReference saves tensors of every kind with PyTorch, and reads what it
// reads back.
func TestReference(t *testing.T) {
	// Importing PyTorch takes seconds, so the script does that alone.
	path := python.Need(t, "import importlib.util; assert importlib.util.find_spec('torch')")
	dir := t.TempDir()
	out, err := exec.Command(path, filepath.Join("testdata", "tensors.py"), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	var want map[string][]int32
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil || len(want) < 90 {
		t.Fatalf("%d files, error %v", len(want), err)
	}
	for name, theirs := range want {
		ours, err := bitsOf(filepath.Join(dir, name))
		kind := strings.TrimSuffix(strings.TrimSuffix(name, ".pt"), "-legacy")
		switch {
		case slices.Contains(stricter, kind):
			if ours != nil {
				t.Errorf("%s is read as %v", name, ours)
			}
		case theirs == nil: // an older PyTorch reads less
		case !slices.Equal(ours, theirs):
			t.Errorf("%s: %v, error %v, want %v", name, ours, err, theirs)
		}
	}
}

// bitsOf returns the numbers of the tensor x of a file, nil if it has none.
func bitsOf(path string) ([]int32, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v, _ := Lookup(f.Root, "x")
	x, ok := v.(*Tensor)
	if !ok || !x.IsFloat() {
		return nil, nil
	}
	numbers, err := f.Float32(x)
	var list []int32
	for _, v := range bits(numbers) {
		list = append(list, int32(v))
	}
	return list, err
}
