package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule/lane"
)

// IsPath tells whether a name given to Open is the path of a folder of images
// rather than the name of a data set: it has a separator in it, / or \ on any
// system, or begins with a dot. So photos is a name, and ./photos a path.
func IsPath(name string) bool {
	return strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`)
}

// A FolderEvent is a step of reading a folder of images.
type FolderEvent struct {
	Done, Total int // pictures read so far, and in all
	// Path, Kind and Err tell of a file or folder that is left out, by its path
	// within the folder with slashes, or with Cache set of a fault of the
	// cache: a set in it that is damaged or that cannot be written.
	Path  string
	Kind  LeftOut
	Err   error
	Cache bool
	// Note says how the folder was understood, such as what is held out.
	Note string
}

// A folderLimits bounds what a folder may make of a machine.
type folderLimits struct {
	pictures int   // files to read
	entries  int   // files and folders to look at
	sniffed  int   // files to look into that are no pictures by their names
	depth    int   // folders within folders
	bytes    int64 // of all pictures together, decoded and scaled
	inFlight int64 // pixels being decoded at a time
	cached   int   // sets in the cache
	cache    int64 // bytes in the cache
}

func defaultFolderLimits() folderLimits {
	return folderLimits{
		pictures: 1_000_000, entries: 2_000_000, sniffed: 10_000, depth: 32, bytes: 2 << 30,
		inFlight: MaxPicturePixels, cached: 8, cache: 4 << 30,
	}
}

// Limits on the classes and the held-out pictures of a folder.
const (
	maxClasses = 256
	heldShare  = 0.1
	maxHeld    = 10_000
)

// OpenFolder returns the training and held-out images of the PNG, JPEG, GIF,
// WebP, BMP and TIFF pictures in the folder dir and the folders within it.
//
// Folders that have the usual names of splits, such as train and val, in any case,
// are the two sets: see docs/images.md for the names. The classes are then within
// them, and whatever lies beside them is left out. Folders that have such names
// and cannot be understood as splits are an error, or a Note.
//
// Where every picture lies in a folder, of dir or of a split, the names of those
// are the classes, sorted; otherwise, or where there are more than 256, Labels is
// nil. Without splits pictures are held out by a hash of their path within dir:
// those in the lowest tenth, at least one and at most the 10,000 lowest, so
// that adding files does not move others from one set to the other. Both sets
// are in the order of the paths.
//
// Each picture is turned as its Exif orientation says, cropped from the centre
// to the shape's aspect, scaled by Catmull–Rom's kernel and composed over
// black; of several frames it is the first. Where opt.Shape leaves the size
// open, pictures that all have one size of at most 64×64 keep it, and others
// become 32×32; where it leaves the channels open, they are 1 if all pictures
// that can be read are stored in gray, with alpha or without, or have a palette
// of which their pixels use grays alone, and 3 otherwise.
//
// Everything else is left out and told to opt.Folder: see [LeftOut]. Links are
// never followed, and what is no regular file is never opened. Folders in which
// Joule keeps a training are left out, and so are pictures that it made, unless
// there are no others. It is an error if more than half of the pictures cannot be
// read.
//
// The sets are kept in opt.Cache and taken from there as long as the path,
// size and time of every file are the same.
func OpenFolder(ctx context.Context, dir string, opt Options) (train, test *Set, err error) {
	r, err := newFolderReader(dir, opt)
	if err != nil {
		return nil, nil, err
	}
	defer r.root.Close()
	return r.open(ctx)
}

// VerifyFolder reads the pictures of a folder as OpenFolder does, without
// keeping them, and returns the number of those that would be trained on or held
// out. Everything that is left out is told to opt.Folder, also where an error
// comes back.
func VerifyFolder(ctx context.Context, dir string, opt Options) (readable int, err error) {
	r, err := newFolderReader(dir, opt)
	if err != nil {
		return 0, err
	}
	defer r.root.Close()
	l, err := r.list(ctx)
	if err == nil {
		err = r.sniff(ctx, l)
	}
	if err != nil {
		return 0, err
	}
	all := l.pictures
	fault := r.none(l)
	if len(all) > 0 {
		fault = l.arrange(r.dir)
	}
	used := map[string]bool{}
	for _, p := range l.pictures {
		used[p.path] = true
	}
	shape := lane.Shape{C: 3, H: 1, W: 1}
	got, err := r.read(ctx, all, shape, func(int) []byte { return make([]byte, shape.Len()) })
	if err != nil {
		return 0, err
	}
	for i, err := range got.errs {
		path := all[i].path
		switch {
		case err != nil:
			l.found = slices.DeleteFunc(l.found, func(s skipped) bool { return string(s.Path) == path })
			l.found = append(l.found, skipped{rawName(path), reason(err), Broken})
		case used[path]:
			readable++
		}
	}
	r.tellSkipped(leftOut(l.skipped, l.found))
	r.tellNotes(l.notes)
	return readable, fault
}

// A folderReader reads one folder.
type folderReader struct {
	dir    string
	root   *os.Root
	shape  lane.Shape // as asked for; zeros are open
	opt    Options
	limits folderLimits
	budget *budget
}

func newFolderReader(dir string, opt Options) (*folderReader, error) {
	s := opt.Shape
	if s.C != 0 && s.C != 1 && s.C != 3 || s.H < 0 || s.W < 0 || s.H > MaxSide || s.W > MaxSide || (s.H == 0) != (s.W == 0) {
		return nil, &Error{File: dir, What: fmt.Sprintf("no pictures of %d channels, height %d and width %d", s.C, s.H, s.W),
			Hint: fmt.Sprintf("channels are 1 or 3, and sides 1 to %d", MaxSide)}
	}
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		return nil, &Error{File: dir, What: "is no folder", Hint: "give the folder that the pictures are in"}
	}
	var root *os.Root
	if err == nil {
		root, err = os.OpenRoot(dir)
	}
	if err != nil {
		hint := "correct the path or create the folder; it is relative to where the program was started"
		if strings.HasPrefix(dir, "~") {
			hint = "write the whole path: it is the shell that knows ~, and not within quotes or files"
		}
		if near := cmp.Or(Suggest(dir), Suggest(filepath.Base(dir))); near != "" {
			hint = fmt.Sprintf("did you mean the data set %q?", near)
		}
		e := &Error{File: dir, What: "no such folder of images", Hint: hint}
		if !errors.Is(err, fs.ErrNotExist) {
			e.What, e.Err, e.Hint = "the folder of images cannot be read", plain(err), "look at its permissions"
		}
		return nil, e
	}
	r := &folderReader{dir: dir, root: root, shape: s, opt: opt}
	r.limit(defaultFolderLimits())
	return r, nil
}

func (r *folderReader) limit(l folderLimits) { r.limits, r.budget = l, newBudget(l.inFlight) }

func (r *folderReader) tell(e FolderEvent) {
	if r.opt.Folder != nil {
		r.opt.Folder(e)
	}
}

func (r *folderReader) open(ctx context.Context) (train, test *Set, err error) {
	l, err := r.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := r.cache(l)
	s := c.load()
	fresh := s == nil
	if fresh {
		s, err = r.decode(ctx, l)
	}
	if s != nil { // what is left out may say why there is an error
		r.tellSkipped(leftOut(l.skipped, s.skipped))
		r.tellNotes(s.notes)
	}
	if err != nil {
		return nil, nil, err
	}
	if fresh && !s.passing {
		c.store(s)
	}
	return s.train, s.test, nil
}

func (r *folderReader) tellNotes(notes []string) {
	for _, n := range notes {
		r.tell(FolderEvent{Note: n})
	}
}

// sets is what a folder comes to.
type sets struct {
	train, test *Set
	skipped     []skipped // beside what a walk leaves out
	notes       []string
	passing     bool // a picture could not be opened, which its time and size do not tell
}

// decode reads the pictures of l and divides them into the two sets. With an
// error it still returns what it left out.
func (r *folderReader) decode(ctx context.Context, l *listing) (*sets, error) {
	s := &sets{}
	err := r.sniff(ctx, l)
	if err == nil && len(l.pictures) == 0 {
		err = r.none(l)
	}
	if err == nil {
		err = l.arrange(r.dir)
	}
	s.skipped, s.notes = l.found, l.notes
	if err != nil {
		return s, err
	}
	shape, err := r.chooseShape(ctx, l.pictures)
	if err != nil {
		return s, err
	}
	good, pixels, gray, err := r.readAll(ctx, s, l.pictures, shape)
	if err == nil && len(good) < len(l.pictures) && r.shape.H == 0 {
		// The size is that of the pictures that can be read.
		var again lane.Shape
		if again, err = r.chooseShape(ctx, good); err == nil && (again.H != shape.H || again.W != shape.W) {
			shape = again
			good, pixels, gray, err = r.readAll(ctx, s, good, shape)
		}
	}
	if err != nil {
		return s, err
	}
	if gray && r.shape.C == 0 && shape.C == 3 {
		shape.C = 1
		firstPlanes(pixels, len(good), shape.Len())
	}
	return s, s.fill(r.dir, l, good, pixels, shape)
}

// fill divides the pictures that were read, whose pixels stand one after the
// other, into the two sets.
func (s *sets) fill(dir string, l *listing, good []picture, pixels []byte, shape lane.Shape) error {
	size := shape.Len()
	held := l.held(good)
	s.train, s.test = divide(pixels[:len(good)*size], size, held)
	for _, set := range []*Set{s.train, s.test} {
		set.Name, set.C, set.H, set.W, set.Classes = dir, shape.C, shape.H, shape.W, l.classes
	}
	if s.train.N == 0 || s.test.N == 0 {
		return &Error{File: dir, What: fmt.Sprintf("%d pictures to train on and %d held out can be read", s.train.N, s.test.N),
			Hint: "there must be at least one of each: add pictures; joule data verify lists what is left out"}
	}
	if l.classes != nil {
		for i, p := range good {
			set := s.train
			if held[i] {
				set = s.test
			}
			set.Labels = append(set.Labels, byte(p.class))
		}
	}
	return nil
}

// divide moves the held-out images out of pixels and the others together.
func divide(pixels []byte, size int, held []bool) (train, test *Set) {
	train, test = &Set{}, &Set{}
	for i, h := range held {
		image := pixels[i*size : (i+1)*size]
		if h {
			test.Pixels = append(test.Pixels, image...)
			test.N++
			continue
		}
		copy(pixels[train.N*size:], image)
		train.N++
	}
	end := train.N * size
	train.Pixels = pixels[:end:end]
	return train, test
}

// FindImages returns the paths of all pictures in the folder dir and the
// folders within it, in order; splits and classes mean nothing here, and
// pictures made by Joule are pictures as others are. left is told what
// OpenFolder would not read either.
func FindImages(ctx context.Context, dir string, left func(FolderEvent)) ([]string, error) {
	r, err := newFolderReader(dir, Options{})
	if err != nil {
		return nil, err
	}
	defer r.root.Close()
	l, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	full := func(path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }
	for _, s := range leftOut(l.skipped, l.found) {
		left(FolderEvent{Path: full(string(s.Path)), Err: errors.New(s.Reason), Kind: s.Kind})
	}
	paths := make([]string, len(l.pictures))
	for i, p := range l.pictures {
		paths[i] = full(p.path)
	}
	return paths, nil
}

// showPath writes the path of a file in one line, whatever it is called.
func showPath(path string) string {
	if q := fmt.Sprintf("%q", path); len(q) != len(path)+2 {
		return q
	}
	return filepath.FromSlash(path)
}
