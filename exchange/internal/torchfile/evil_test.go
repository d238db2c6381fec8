package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// p2 begins a pickle.
const p2 = "\x80\x02"

// str is a string in a pickle.
func str(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// int4 is an integer in a pickle.
func int4(n int32) string {
	return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

// stored is a reference to a storage of n numbers.
func stored(class, key string, n int32) string {
	return "(" + str("storage") + "ctorch\n" + class + "\n" + str(key) + str("cpu") + int4(n) + "tQ"
}

// window is a tensor of one dimension.
func window(storage string, offset, size, stride int32) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + int4(offset) + int4(size) + "\x85" + int4(stride) + "\x85\x89ccollections\nOrderedDict\n)RtR"
}

// archive is what torch.save writes around a pickle.
func archive(t testing.TB, method uint16, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		e, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err == nil {
			_, err = io.WriteString(e, entries[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// legacy is a file of old.
func legacy(parts ...string) []byte {
	return []byte(p2 + "\x8a\x0a" + magic + "." + p2 + "M\xe9\x03." + p2 + "}" + str("little_endian") + "\x88s." + strings.Join(parts, ""))
}

// run runs a pickle.
func run(pickle string) (any, error) {
	f := &File{storages: map[string]*storage{}}
	return f.unpickler([]byte(pickle)).run()
}

// TestNothingIsCalled runs pickles that in Python would run programs, open
// files or import modules.
func TestNothingIsCalled(t *testing.T) {
	for pickle, class := range map[string]string{
		p2 + "cos\nsystem\n" + str("touch /tmp/pwned") + "\x85R.":                                    "os.system",
		p2 + "cposix\nsystem\n" + str("id") + "\x85\x81.":                                            "posix.system",
		"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.":                                       "os.system",
		p2 + "c__builtin__\neval\n" + str("1+1") + "\x85R.":                                          "__builtin__.eval",
		p2 + "cbuiltins\ngetattr\ncos\nsystem\n" + str("__call__") + "\x86R)R.":                      "builtins.getattr",
		p2 + "csubprocess\nPopen\n" + str("id") + "\x85}\x92.":                                       "subprocess.Popen",
		p2 + "ctorch._utils\n_import_dotted_name\n" + str("os.system") + "\x85R.":                    "torch._utils._import_dotted_name",
		p2 + "ccollections\nOrderedDict\x00\n)R.":                                                    "collections.OrderedDict\\x00",
		p2 + "ctorch._utils\n_rebuild_parameter\ncos\nsystem\n" + str("id") + "\x85R\x89}\x87R.":     "os.system",
		p2 + "c__main__\nA\n)\x81}" + str("__reduce__") + "cos\nsystem\nsb" + "cos\nsystem\n0" + ".": "__main__.A",
	} {
		v, err := run(pickle)
		o, ok := v.(*Object)
		if err != nil || !ok || printable(o.Class.String()) != class {
			t.Errorf("%q is %s, error %v", pickle, Kind(v), err)
		}
	}
}

// refuse runs pickles, each with a part of the error that it deserves.
func refuse(t *testing.T, pickles map[string]string) {
	t.Helper()
	for pickle, want := range pickles {
		_, err := run(pickle)
		var e *Error
		if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", pickle, err, want)
		}
	}
}

// TestDeep runs pickles whose objects are deep, but in order.
func TestDeep(t *testing.T) {
	deep := strings.Repeat("]", 1000) + strings.Repeat("a", 999) + "."
	if v, err := run(p2 + deep); err != nil || Kind(v) != "a list" {
		t.Errorf("deep nesting: %v", err)
	}
	if v, err := run(p2 + "]q\x00h\x00a."); err != nil || v.(*List).Items[0] != v {
		t.Errorf("a list within itself: %v", err)
	}
}

// TestWrongStack has opcodes that take what is not there.
func TestWrongStack(t *testing.T) {
	refuse(t, map[string]string{
		"":                           "ends too early",
		p2:                           "ends too early",
		p2 + ".":                     "0 objects and 0 marks",
		p2 + "NN.":                   "2 objects",
		p2 + "N(.":                   "1 marks",
		"\x80\x01N.":                 "protocols 2 to 5",
		"\x80\x06N.":                 "protocols 2 to 5",
		p2 + "0.":                    "takes more from the stack",
		p2 + "N(\x85.":               "takes more from the stack",
		p2 + "N(a.":                  "takes more from the stack",
		p2 + "t.":                    "a mark that it did not set",
		p2 + "2.":                    "empty stack",
		p2 + "(q\x00.":               "empty stack",
		p2 + "h\x07.":                "object 7, which it has not kept",
		p2 + "X\xff\xff\xff\xffabc.": "ends too early",
		p2 + "T\xff\xff\xff\xffabc.": "ends too early",
		p2 + "\x8b\xff\xff\xff\xff.": "ends too early",
		p2 + "\x8b\xff\xff\xff\x7f.": "ends too early",
		p2 + "\x8a\xffabc.":          "ends too early",
		p2 + "\x8d" + strings.Repeat("\xff", 8) + ".":     "ends too early",
		p2 + "\x8e" + strings.Repeat("\xff", 8) + ".":     "ends too early",
		p2 + "\x96" + strings.Repeat("\xff", 8) + ".":     "ends too early",
		"\x80\x04\x95" + strings.Repeat("\xff", 8) + "N.": "ends too early",
	})
}

// TestWrongObjects has opcodes that do not fit the objects they are given, and
// some that PyTorch does not write.
func TestWrongObjects(t *testing.T) {
	refuse(t, map[string]string{
		p2 + "cos\nsystem": "a name without an end",
		p2 + "c" + strings.Repeat("x", 2000) + "\nsystem\n": "a name without an end",
		p2 + "NN\x93.":          "names a class by None and None",
		p2 + "NNR.":             "calls with None for arguments",
		p2 + "N)R.":             "calls None",
		p2 + "cos\nsystem\nNb.": "puts something into the class or function os.system",
		p2 + "NNa.":             "puts something into None",
		p2 + "]NNs.":            "puts something into a list",
		p2 + "}Na.":             "puts something into a dict",
		p2 + "}(Nu.":            "a key without a value",
		p2 + "]Nb.":             "puts something into a list",
		p2 + "ios\nsystem\n.":   "PyTorch does not write: i",
		p2 + "(cos\nsystem\no.": "PyTorch does not write: o",
		p2 + "Pid\n.":           "PyTorch does not write: P",
		p2 + "\x82\x01.":        "PyTorch does not write",
		p2 + "\x97.":            "PyTorch does not write",
		p2 + "I1\n.":            "PyTorch does not write: I",
		p2 + "ccollections\nOrderedDict\nN\x85R.":    "an OrderedDict of None",
		p2 + "ccollections\nOrderedDict\n](Ne\x85R.": "an OrderedDict of a list with None",
	})
}

// TestWrongTensors has storages, and tensors on them, that cannot be.
func TestWrongTensors(t *testing.T) {
	f32 := stored("FloatStorage", "0", 10)
	refuse(t, map[string]string{
		p2 + "NQ.":                "refers to storage by None",
		p2 + ")Q.":                "a tuple of 0",
		p2 + str("x") + "N\x86Q.": "in an unknown way",
		p2 + "ctorch._utils\n_rebuild_tensor_v2\n)R.":                                  "a tensor of 0 arguments",
		p2 + "ctorch._utils\n_rebuild_tensor_v2\n(NNNN\x89NtR.":                        "a tensor of None, None, None and None",
		p2 + "ctorch._utils\n_rebuild_tensor_v2\n(" + f32 + "K\x00N\x85)\x89NtR.":      "a tensor of a storage, an int, a tuple and a tuple",
		p2 + window(f32, 11, 1, 1) + ".":                                               "not within its storage",
		p2 + window(f32, 1, 10, 1) + ".":                                               "beyond its storage",
		p2 + window(f32, -1, 1, 1) + ".":                                               "not within its storage",
		p2 + window(f32, 0, 2, -1) + ".":                                               "stride -1",
		p2 + window(f32, 0, -2, 1) + ".":                                               "size -2",
		p2 + window(f32, 0, 10, 0x7fffffff) + ".":                                      "beyond its storage",
		p2 + stored("FloatStorage", "0", -1) + ".":                                     "larger than any file",
		p2 + stored("FloatStorage", "0", 0x7fffffff) + ".":                             "larger than any file",
		p2 + stored("SecretStorage", "0", 1) + ".":                                     "unknown class torch.SecretStorage",
		p2 + stored("Float", "0", 1) + ".":                                             "unknown class torch.Float",
		p2 + f32 + "0" + stored("FloatStorage", "0", 9) + ".":                          "of two types or lengths",
		p2 + f32 + "0" + stored("HalfStorage", "0", 10) + ".":                          "of two types or lengths",
		p2 + "(" + str("storage") + "ctorch\nFloatStorage\nNNNtQ.":                     "a storage of key None",
		p2 + "(" + str("storage") + "cos\nFloatStorage\nX\x00\x00\x00\x00NK\x01tQ.":    "unknown class os.FloatStorage",
		p2 + "(" + str("storage") + "ctorch\nFloatStorage\n" + str("0") + "NK\x01)tQ.": "a view of a storage is a tuple",
	})
}

// TestBombs runs small files that ask for much.
func TestBombs(t *testing.T) {
	// Each list holds the one before twice: 2¹⁰⁰ entries if one were to walk.
	laughs := p2 + "]q\x00"
	for i := range 100 {
		laughs += fmt.Sprintf("0](h%ch%ceq%c", i, i, i+1)
	}
	// A list of 10,000 pairs, of which a thousand dictionaries are made.
	pairs := p2 + "](" + strings.Repeat("NN\x86", 10000) + "eq\x000" + "("
	pairs += strings.Repeat("ccollections\nOrderedDict\nh\x00\x85R", 1000) + "t."
	tensor := "(" + stored("FloatStorage", "0", 10) + "K\x00))\x89Ntq\x00" // no dimensions
	many := p2 + tensor + "0" + "ctorch._utils\n_rebuild_tensor_v2\nq\x010(" + strings.Repeat("h\x01h\x00R", maxTensors+1) + "t."
	for name, c := range map[string]struct {
		pickle, want string
	}{
		"a billion laughs":  {laughs + ".", ""},
		"dictionaries":      {pairs, "dictionaries of more than"},
		"tensors":           {many, "tensors"},
		"opcodes":           {p2 + strings.Repeat("N0", maxSteps) + "N.", "opcodes"},
		"empty dicts":       {p2 + strings.Repeat("}", maxSteps) + ".", "opcodes"},
		"marks":             {p2 + strings.Repeat("(", maxSteps) + ".", "opcodes"},
		"memo":              {p2 + "N" + strings.Repeat("\x94", maxSteps) + ".", "opcodes"},
		"a memo far out":    {p2 + "Nr\xff\xff\xff\xff.", ""},
		"doubling the size": {p2 + "](" + strings.Repeat("2", 1<<20) + "e.", "empty stack"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := run(c.pickle)
			runtime.ReadMemStats(&after)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			// All that was ever taken, most of it for growing slices.
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 600<<20 {
				t.Errorf("it took %d bytes for a pickle of %d", taken, len(c.pickle))
			}
		})
	}
}

// A file of one tensor, a, of the numbers 1 to 4: the pickle that names it, the
// legacy list of storages, and the storage's length and numbers.
var (
	pickle = p2 + "}" + str("a") + window(stored("FloatStorage", "0", 4), 0, 4, 1) + "s."
	keys   = p2 + "](" + str("0") + "e."
	length = "\x04\x00\x00\x00\x00\x00\x00\x00"
	four   = "\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40"
)

// overlap has 400 tensors on the same four numbers.
var overlap = p2 + "}(" + strings.Repeat(str("a")+window(stored("FloatStorage", "0", 4), 0, 4, 1), 400) + "u."

// TestArchives reads the tensor from files of either kind.
func TestArchives(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		f, err := decode(archive(t, method, "m/data.pkl", pickle, "m/byteorder", "little", "m/data/0", four))
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensors(f, f.Root, 0)
		if err != nil || !slices.Equal(got["a"], []float32{1, 2, 3, 4}) {
			t.Fatalf("%v, error %v", got, err)
		}
	}
	f, err := decode(legacy(pickle, keys, length, four))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tensors(f, f.Root, 0); err != nil || !slices.Equal(got["a"], []float32{1, 2, 3, 4}) {
		t.Fatalf("%v, error %v", got, err)
	}
}

// claim is an archive with an entry of 16 bytes that says it has 4 MiB.
func claim(t *testing.T, pickle string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range [][2]string{{"m/data.pkl", pickle}, {"m/data/0", four}} {
		h := &zip.FileHeader{Name: e[0], Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(e[1])), CompressedSize64: uint64(len(e[1])), UncompressedSize64: uint64(len(e[1]))}
		if e[0] == "m/data/0" {
			h.UncompressedSize64, h.CompressedSize64 = 4<<20, 4<<20
		}
		raw, err := w.CreateRaw(h)
		if err == nil {
			_, err = io.WriteString(raw, e[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes()
}

// TestWrongArchives has faults in the files around the pickle.
func TestWrongArchives(t *testing.T) {
	t.Parallel()
	twice := archive(t, zip.Store, "m/data.pkl", pickle, "m/data/0", four, "m/data/1", four)
	twice = bytes.ReplaceAll(twice, []byte("m/data/1"), []byte("m/data/0"))
	zeros := strings.Repeat("\x00", 4<<20)
	big := p2 + "}" + str("a") + window(stored("FloatStorage", "0", 1<<20), 0, 4, 1) + "s."
	var list []string
	for i := range maxZip/1000 + 1 {
		list = append(list, fmt.Sprintf("m/%s/%d", strings.Repeat("a", 1000), i), "")
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":            {nil, "not a file that torch.save wrote"},
		"zip head":         {[]byte("PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "no zip archive"},
		"other zip":        {archive(t, zip.Store, "a.txt", "text"), "not of torch.save"},
		"two pickles":      {archive(t, zip.Store, "m/data.pkl", pickle, "n/data.pkl", pickle), "not of torch.save"},
		"deep pickle":      {archive(t, zip.Store, "m/n/data.pkl", pickle), "not of torch.save"},
		"a name twice":     {twice, "is there twice"},
		"TorchScript":      {archive(t, zip.Store, "m/data.pkl", pickle, "m/constants.pkl", p2+").", "m/data/0", four), "TorchScript"},
		"NumPy":            {archive(t, zip.Store, "a.npy", ""), "NumPy's arrays"},
		"Keras":            {archive(t, zip.Store, "config.json", "{}", "model.weights.h5", ""), "a model of Keras"},
		"torch.export":     {archive(t, zip.Store, "m/data/inputs/model.pt", "", "m/archive_format", "pt2"), "a program of torch.export"},
		"packed":           {archive(t, zip.Store, "a/b.txt", "", "a/m.CKPT", ""), `a zip archive with "a/m.CKPT" in it`},
		"unknown order":    {archive(t, zip.Store, "m/data.pkl", pickle, "m/byteorder", "middle", "m/data/0", four), `"middle", neither little nor big`},
		"no numbers":       {archive(t, zip.Store, "m/data.pkl", pickle), `no entry "m/data/0"`},
		"few numbers":      {archive(t, zip.Store, "m/data.pkl", pickle, "m/data/0", four[4:]), "take 12 bytes, not 16"},
		"more numbers":     {archive(t, zip.Store, "m/data.pkl", pickle, "m/data/0", four+four), "16 at most are expected"},
		"after the end":    {archive(t, zip.Store, "m/data.pkl", pickle+"N", "m/data/0", four), "1 bytes after its end"},
		"zip bomb":         {archive(t, zip.Deflate, "m/data.pkl", big, "m/data/0", zeros), "to less than a quarter"},
		"pickle bomb":      {archive(t, zip.Deflate, "m/data.pkl", strings.Repeat("N", maxPickle+1)), "at most are expected"},
		"claim":            {claim(t, big), "larger than the file"},
		"overlap":          {archive(t, zip.Store, "m/data.pkl", overlap, "m/data/0", four), ""},
		"many entries":     {archive(t, zip.Store, list...), "too many entries"},
		"legacy version":   {append([]byte(p2+"\x8a\x0a"+magic+"."+p2+"K\x07."), legacy(pickle, keys, length, four)[21:]...), "is not known"},
		"legacy keys":      {legacy(pickle, p2+"N."), "None for the list of its storages"},
		"legacy other key": {legacy(pickle, p2+"]("+str("1")+"e."), `"1" that its objects do not know`},
		"legacy key twice": {legacy(pickle, p2+"]("+str("0")+str("0")+"e.", length, four, length, four), "has it twice"},
		"legacy no key":    {legacy(pickle, p2+"]."), "no numbers for storage"},
		"legacy length":    {legacy(pickle, keys, "\x05\x00\x00\x00\x00\x00\x00\x00", four), "of 5 numbers, not 4"},
		"legacy short":     {legacy(pickle, keys, length, four[1:]), "ends within the numbers"},
		"legacy huge":      {legacy(p2 + strings.Repeat("\x8c\xff"+strings.Repeat("a", 255)+"0", maxPickle/200)), "larger than"},
	} {
		t.Run(name, func(t *testing.T) { checkFault(t, c.file, c.want) })
	}
}

// checkFault reads a file that has a fault, none where want is "".
func checkFault(t *testing.T, file []byte, want string) {
	f, err := decode(file)
	if err == nil {
		_, err = tensors(f, f.Root, 0)
	}
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var e *Error
	if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestOverlap reads tensors on the same numbers: that ends when they are more
// than the file.
func TestOverlap(t *testing.T) {
	file := archive(t, zip.Store, "m/data.pkl", overlap, "m/data/0", four)
	f, err := decode(file)
	if err != nil {
		t.Fatal(err)
	}
	one := f.Root.(*Dict).Items[0].Value.(*Tensor)
	for i := range len(file) + spread {
		if _, err = f.Float32(one); err != nil {
			if i != (len(file)+spread)/4 || !strings.Contains(err.Error(), "overlap") {
				t.Errorf("after %d times: %v", i, err)
			}
			break
		}
	}
	if err == nil {
		t.Error("overlapping tensors are read without an end")
	}
}
