package dataset

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

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

// readWithin reads a picture once its pixels fit into the budget.
func readWithin(b *budget, dst []byte, f *os.File, shape lane.Shape) error {
	h, err := readPictureHeader(f)
	if err != nil {
		return err
	}
	n := int64(h.width) * int64(h.height)
	b.take(n)
	defer b.give(n)
	return h.read(dst, f, shape)
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
	f, err := r.root.OpenFile(p.path, os.O_RDONLY|nonblock, 0)
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

// read decodes the pictures to where dst says. errs has what is wrong with
// each.
func (r *folderReader) read(ctx context.Context, pictures []picture, shape lane.Shape, dst func(i int) []byte) (errs []error, err error) {
	errs = each(ctx, len(pictures), func(i int) error {
		f, err := r.openPicture(&pictures[i])
		if err != nil {
			return err
		}
		defer f.Close()
		return readWithin(r.budget, dst(i), f, shape)
	}, func(count int) {
		r.tell(FolderEvent{Done: count, Total: len(pictures)})
	})
	return errs, r.stopped(ctx)
}

// headers reads the headers of the pictures; that of one that cannot be read
// is zero.
func (r *folderReader) headers(ctx context.Context, pictures []picture) ([]header, error) {
	headers := make([]header, len(pictures))
	each(ctx, len(pictures), func(i int) error {
		f, err := r.openPicture(&pictures[i])
		if err != nil {
			return err
		}
		defer f.Close()
		h, err := readPictureHeader(f)
		if err == nil {
			h.buffer = nil
			headers[i] = h
		}
		return err
	}, func(int) {})
	return headers, r.stopped(ctx)
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
		f, err := openPicture(paths[i])
		if err != nil {
			return pictureError(err, paths[i])
		}
		defer f.Close()
		if err := readWithin(b, s.Pixels[i*size:(i+1)*size], f, shape); err != nil {
			return pictureError(err, paths[i])
		}
		return nil
	}, func(int) {})
	return s, errs, ctx.Err()
}
