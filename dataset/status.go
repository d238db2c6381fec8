package dataset

import (
	"context"
	"os"
)

// State is what is known of a file.
type State int

const (
	Missing  State = iota // nowhere on this machine
	Found                 // there, but not looked into
	Verified              // there, with the right contents
	Damaged               // there, with wrong contents
)

func (s State) String() string {
	switch s {
	case Missing:
		return "missing"
	case Found:
		return "found"
	case Verified:
		return "verified"
	case Damaged:
		return "damaged"
	}
	return "unknown"
}

// A File is a file of a data set, as Open would find it.
type File struct {
	Name   string // such as "train-images-idx3-ubyte"
	State  State
	Place  string // "data folder", "cache", "Debian package", or "" if missing
	Path   string // "" if missing
	Size   int64  // bytes on disk
	SHA256 string // of the right contents after decompression
	Err    error  // what is wrong with a damaged file
	// Looked says which folders were looked at: all of them for a missing file,
	// otherwise those of the data folder. It may add what is in there in a form
	// that is not read.
	Looked string
}

// List returns the files of a data set and where Open would find each,
// without reading them.
func List(name string, opt Options) ([]File, error) {
	return look(name, opt, func(f *finder, file *file) (File, error) { return f.first(file), nil })
}

// Verify is List, and reads the files that are there and compares their
// checksums. Err tells what is wrong with each; the error that Verify itself
// returns says only that it could not look.
func Verify(ctx context.Context, name string, opt Options) ([]File, error) {
	return look(name, opt, func(f *finder, file *file) (File, error) { return f.verify(ctx, file) })
}

// Fetch makes sure that a verified copy of every file is on this machine,
// fetching into the cache what is not, as Open does. It returns where they
// are.
func Fetch(ctx context.Context, name string, opt Options) ([]File, error) {
	return look(name, opt, func(f *finder, file *file) (File, error) { return f.ensure(ctx, file) })
}

func look(name string, opt Options, one func(*finder, *file) (File, error)) ([]File, error) {
	s, err := lookup(name)
	if err != nil {
		return nil, err
	}
	f := newFinder(s, opt)
	defer f.close()
	return f.each(one)
}

func (f *finder) each(one func(*finder, *file) (File, error)) ([]File, error) {
	if err := f.checkDir(); err != nil {
		return nil, err
	}
	var list []File
	for _, file := range f.spec.files() {
		s, err := one(f, file)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// first describes the copy of the file that Open would try first.
func (f *finder) first(file *file) File {
	copies := f.copies(file)
	if len(copies) == 0 {
		return File{Name: file.name, State: Missing, SHA256: file.sha256, Looked: f.looked("") + f.otherForms()}
	}
	d := describe(file, copies[0], Found)
	if f.opt.Dir != "" {
		d.Looked = f.looked(inDir) + f.otherForms()
	}
	return d
}

func (f *finder) verify(ctx context.Context, file *file) (File, error) {
	s := f.first(file)
	if err := f.stopped(ctx, file); err != nil || s.State == Missing {
		return s, err
	}
	s.State = Verified
	if _, s.Err = file.load(s.Path, false); s.Err != nil {
		s.State = Damaged
	}
	return s, nil
}

func (f *finder) ensure(ctx context.Context, file *file) (File, error) {
	_, l, err := f.find(ctx, file, false)
	if err != nil {
		return File{}, err
	}
	return describe(file, l, Verified), nil
}

func describe(file *file, l location, s State) File {
	d := File{Name: file.name, State: s, Place: string(l.place), Path: l.path, SHA256: file.sha256}
	if st, err := os.Stat(l.path); err == nil {
		d.Size = st.Size()
	}
	return d
}
