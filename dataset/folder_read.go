package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/joule-ml/joule/internal/imagefile"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/lane"
)

// A budget bounds the pixels that are decoded at a time.
type budget struct {
	mu   sync.Mutex
	free *sync.Cond
	left int64
}

func newBudget(n int64) *budget {
	b := &budget{left: n}
	b.free = sync.NewCond(&b.mu)
	return b
}

// take waits until n are left. n must not be more than there ever are.
func (b *budget) take(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.left < n {
		b.free.Wait()
	}
	b.left -= n
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
	b.free.Broadcast()
}

// readWithin reads a picture once its pixels fit into the budget, and tells
// whether it is gray.
func readWithin(b *budget, dst []byte, f *os.File, shape lane.Shape) (gray bool, err error) {
	p, err := openHeader(f)
	if err != nil {
		return false, err
	}
	n := int64(p.Width) * int64(p.Height)
	b.take(n)
	defer b.give(n)
	return decodePicture(dst, p, shape)
}

// each calls f for 0 … n−1 on all cores, until ctx is done, and from its own
// goroutine done after each. It returns the errors of f.
func each(ctx context.Context, n int, f func(i int) error, done func(count int)) []error {
	errs := make([]error, n)
	var next atomic.Int64
	finished := make(chan struct{}, 64)
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[i] = f(i)
				finished <- struct{}{}
			}
		})
	}
	go func() {
		workers.Wait()
		close(finished)
	}()
	count := 0
	for range finished {
		count++
		done(count)
	}
	return errs
}

// openPicture opens a picture of the folder, unless something else has taken
// its place since it was listed.
func (r *folderReader) openPicture(p *picture) (*os.File, error) {
	f, err := r.root.OpenFile(p.path, os.O_RDONLY|regular.Nonblock, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !(st.Mode().IsRegular() && os.SameFile(st, p.info)) {
		err = errors.New("replaced while the folder was read")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// A reading is what came of the pictures that were read.
type reading struct {
	errs []error // what is wrong with each
	gray []bool
}

// read decodes the pictures to where dst says.
func (r *folderReader) read(ctx context.Context, pictures []picture, shape lane.Shape, dst func(i int) []byte) (reading, error) {
	got := reading{gray: make([]bool, len(pictures))}
	got.errs = each(ctx, len(pictures), func(i int) error {
		f, err := r.openPicture(&pictures[i])
		if err != nil {
			return err
		}
		defer f.Close()
		got.gray[i], err = readWithin(r.budget, dst(i), f, shape)
		return err
	}, func(count int) {
		r.tell(FolderEvent{Done: count, Total: len(pictures)})
	})
	return got, r.stopped(ctx)
}

// readAll reads pictures and returns those that can be read, their pixels one after
// the other, and whether all of them are gray. It is an error if more than half
// cannot be read; s has what is left out.
func (r *folderReader) readAll(ctx context.Context, s *sets, pictures []picture, shape lane.Shape) (good []picture, pixels []byte, gray bool, err error) {
	size, n := shape.Len(), len(pictures)
	if total := int64(n) * int64(size); total > r.limits.bytes {
		return nil, nil, false, &Error{File: r.dir, What: fmt.Sprintf("%d pictures of %d×%d×%d take %d bytes, more than %d", n, shape.C, shape.H, shape.W, total, r.limits.bytes),
			Hint: "ask for a smaller size or for one channel, or divide the folder"}
	}
	pixels, gray = make([]byte, n*size), true
	got, err := r.read(ctx, pictures, shape, func(i int) []byte { return pixels[i*size : (i+1)*size] })
	if err != nil {
		return nil, nil, false, err
	}
	var broken []skipped
	for i, err := range got.errs {
		if err != nil {
			broken = append(broken, skipped{rawName(pictures[i].path), reason(err), Broken})
			var open *fs.PathError
			s.passing = s.passing || errors.As(err, &open)
			continue
		}
		copy(pixels[len(good)*size:], pixels[i*size:(i+1)*size])
		good = append(good, pictures[i])
		gray = gray && got.gray[i]
	}
	s.skipped = append(s.skipped, broken...)
	if bad := len(broken); 2*bad > n {
		first := broken[0]
		return nil, nil, false, &Error{File: r.dir, What: fmt.Sprintf("%d of %d pictures cannot be read; the first is %s: %s", bad, n, showPath(string(first.Path)), first.Reason),
			Hint: "joule data verify lists them all; " + brokenHint(got.errs)}
	}
	return good, pixels, gray, nil
}

// brokenHint says what to do about pictures that cannot be read.
func brokenHint(errs []error) string {
	for _, err := range errs {
		var valid *imagefile.UnsupportedError
		if err != nil && !errors.As(err, &valid) {
			return "remove them, mend them or save them again as PNG"
		}
	}
	return "save them again as PNG"
}

// ReadImages is [ReadImage] of several files on all cores. errs[i] is what is
// wrong with paths[i], whose image then is black. It stops with ctx's error
// when ctx is done.
func ReadImages(ctx context.Context, paths []string, shape lane.Shape) (s *Set, errs []error, err error) {
	checkShape(shape)
	size := shape.Len()
	s = &Set{Name: "pictures", N: len(paths), C: shape.C, H: shape.H, W: shape.W, Pixels: make([]byte, len(paths)*size)}
	b := newBudget(MaxPicturePixels)
	errs = each(ctx, len(paths), func(i int) error {
		f, err := regular.Open(paths[i])
		if err != nil {
			return pictureError(err, paths[i])
		}
		defer f.Close()
		if _, err := readWithin(b, s.Pixels[i*size:(i+1)*size], f, shape); err != nil {
			return pictureError(err, paths[i])
		}
		return nil
	}, func(int) {})
	return s, errs, ctx.Err()
}
