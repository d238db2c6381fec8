package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

// otherwise are the files and folders of testdata/idx.py that only one of
// torchvision and Joule reads, by patterns of their names, and why. The last
// column is a part of what Joule says where it refuses what torchvision reads;
// docs/limits.md has these.
var otherwise = []struct{ names, why, refused string }{
	{"array 2x3x4x5", "the format has more than three dimensions", ""},
	{"dimensions 4", "the format has more than three dimensions", ""},
	{"empty [0-9]*", "an array without elements is one, which torch.frombuffer does not make", ""},
	{"type 0x09", "images and labels are unsigned; torchvision's MNIST refuses it too", "element type 0x09, not unsigned bytes"},
	{"type 0x0[bc]", "images and labels are unsigned; torchvision's MNIST refuses it too", "not unsigned bytes"},
	{"not packed.gz", "what a file holds is told by its contents, not by its name", ""},
	{"packed without the ending", "what a file holds is told by its contents, not by its name", ""},
	{"wrong checksum of the header.gz", "it is damaged; Python does not look", "damaged gzip data: gzip: invalid header"},
	{"name of [15]*[023].gz", "package gzip reads names of up to 511 bytes", "damaged gzip data: gzip: invalid header"},
	{"comment of [15]*[023].gz", "package gzip reads comments of up to 511 bytes", "damaged gzip data: gzip: invalid header"},

	{"packed", "torchvision unpacks what it downloads, and reads nothing packed", ""},
	{"* packed under its plain name", "torchvision unpacks what it downloads, and reads nothing packed", ""},
	{"in the folder *", "torchvision looks in one folder", ""},
	{"under the names of Kaggle", "torchvision knows one name", ""},
	{"processed", "a pickle of torchvision before 0.9, which had the original files beside it", "training.pt is not of the IDX format"},
	{"* of other contents", "mnist means the same images for everybody; torchvision looks at the names alone", "wrong contents: SHA-256"},
	{"* of other size", "mnist means the same images for everybody; torchvision looks at the names alone", "an array of ["},
}

// theirs is what torchvision reads in a file or in a folder.
type theirs struct {
	Name    string
	Refused string // why it does not
	Dims    []int
	Hash    string   // SHA-256 of a file's elements
	Hashes  []string // of training images and labels, test images and labels
}

// TestTorchvision compares what is read with what torchvision reads, in files
// and in the folders that it takes for MNIST.
func TestTorchvision(t *testing.T) {
	interpreter := python.Need(t, "import numpy, torchvision.datasets.mnist")
	files, folders := t.TempDir(), t.TempDir()
	if out, err := exec.Command(interpreter, "-W", "ignore", filepath.Join("testdata", "idx.py"), files, folders).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(files, "corpus.json"))
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct{ Files, Folders []theirs }
	if err := json.Unmarshal(text, &corpus); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, r := range corpus.Files {
		file, err := os.Open(filepath.Join(files, r.Name))
		if err != nil {
			t.Fatal(err)
		}
		x, err := ReadIDX(file)
		file.Close()
		if r.agrees(t, err, used) && (!slices.Equal(x.Dims, r.Dims) || digest(x.Data) != r.Hash) {
			t.Errorf("%s: %v, other than torchvision's %v", r.Name, x.Dims, r.Dims)
		}
	}
	s := specOf(t, filepath.Join(folders, "plain", "Tiny", "raw"))
	for _, r := range corpus.Folders {
		opt := Options{Dir: filepath.Join(folders, r.Name), Cache: t.TempDir(), Offline: true}
		train, test, err := newFinder(s, opt).open(t.Context())
		if r.agrees(t, err, used) && !slices.Equal(r.Hashes, []string{digest(train.Pixels), digest(train.Labels), digest(test.Pixels), digest(test.Labels)}) {
			t.Errorf("%s: other contents than torchvision's", r.Name)
		}
	}
	for _, o := range otherwise {
		if !used[o.names] {
			t.Errorf("%s: both read or refuse the same", o.names)
		}
	}
}

// agrees tells whether both read it, and fails where only one of them does that
// is not among otherwise.
func (r *theirs) agrees(t *testing.T, err error, used map[string]bool) bool {
	t.Helper()
	if (err == nil) == (r.Refused == "") {
		return err == nil
	}
	for _, o := range otherwise {
		if match, _ := path.Match(o.names, r.Name); match && (err == nil) == (o.refused == "") && (err == nil || strings.Contains(err.Error(), o.refused)) {
			used[o.names] = true
			return false
		}
	}
	t.Errorf("%s: %v here, and %q in torchvision", r.Name, err, r.Refused)
	return false
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// specOf returns the tiny data set with the contents that the files of a folder
// have.
func specOf(t *testing.T, dir string) *spec {
	t.Helper()
	s := tiny()
	for _, f := range s.files() {
		b, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			t.Fatal(err)
		}
		f.sha256 = digest(b)
	}
	return s
}
