package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/joule-ml/joule/internal/atomicfile"
)

const hintCache = "set HOME (or XDG_CACHE_HOME, on Windows LocalAppData) so that its cache folder can be written to, or name the folder of the files with --data-dir"

// fetch gets the file into the cache from the first source that has it.
func (f *finder) fetch(ctx context.Context, file *file, faults reasons) (location, error) {
	if f.cache == "" {
		return location{}, &Error{File: f.spec.info.Name, What: "no cache folder to download to",
			Hint: hintCache, Err: f.cacheErr}
	}
	to := location{inCache, filepath.Join(f.cache, file.gz())}
	if err := atomicfile.MakeFolder(f.cache); err != nil {
		return location{}, &Error{File: f.cache, What: "cannot create the cache folder",
			Hint: hintCache, Err: errors.Unwrap(err)}
	}
	for _, mirror := range f.spec.mirrors {
		err := f.failed[mirror]
		if err == nil {
			err = f.download(ctx, mirror, file, to.path)
			if err == nil {
				return to, nil
			}
			if fatal := f.fatal(ctx, file, err); fatal != nil {
				return location{}, fatal
			}
			f.failed[mirror] = err
			f.report(Event{File: file.name, Source: mirror + file.gz(), Err: err})
		}
		faults = append(faults, err)
	}
	if f.spec.module != nil {
		err := f.unpack(ctx, file, to.path)
		if err == nil {
			return to, nil
		}
		if fatal := f.fatal(ctx, file, err); fatal != nil {
			return location{}, fatal
		}
		f.report(Event{File: file.name, Source: f.spec.module.String(), Err: err})
		faults = append(faults, err)
	}
	return location{}, &Error{File: f.spec.info.Name, What: "cannot fetch " + file.name,
		Hint: f.remedy("check the network and try again"), Err: faults}
}

// fatal returns the error that ends the search when no other source could do
// better: the caller gave up, or the cache cannot be written.
func (f *finder) fatal(ctx context.Context, file *file, err error) error {
	if stop := f.stopped(ctx, file); stop != nil {
		return stop
	}
	var cache *atomicfile.Error
	if !errors.As(err, &cache) {
		return nil
	}
	hint := cache.Hint
	if hint == "" {
		hint = hintCache
	}
	return &Error{File: cache.Path, What: "cannot write to the cache", Hint: hint, Err: plain(cache.Err)}
}

// store verifies what src holds while writing it to path, which it replaces
// only if everything is right. A fault of the source is returned as it is, a
// fault of the disk as *atomicfile.Error. total is the number of bytes
// expected, or 0.
func (f *finder) store(file *file, path, source string, src io.Reader, total int64) error {
	var fault error
	f.report(Event{File: file.name, Source: source, Total: total})
	err := atomicfile.Write(path, func(w io.Writer) error {
		t := &transfer{src: src, dst: w, limit: file.largest(), progress: func(done int64) {
			f.report(Event{File: file.name, Source: source, Done: done, Total: total})
		}}
		_, err := file.read(t, false)
		if t.writeErr != nil {
			return t.writeErr
		}
		if err != nil {
			fault = within(err, source)
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	if err != nil {
		// Another process may have put the file there; on Windows its
		// readers keep others from replacing it.
		if _, bad := file.load(path, false); bad == nil {
			return nil
		}
	}
	return err
}

// largest is the most bytes a source may send for the file: its plain size
// and what gzip adds to data that it cannot compress.
func (f *file) largest() int64 { return int64(f.size()) + int64(f.size())/1000 + 4096 }

// A transfer is a reader that copies what is read to dst, counts it, and
// stops at a limit.
type transfer struct {
	src      io.Reader
	dst      io.Writer
	done     int64
	limit    int64
	progress func(done int64)
	writeErr error
}

func (t *transfer) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	if n == 0 {
		return 0, err
	}
	if t.done += int64(n); t.done > t.limit {
		return 0, &Error{What: fmt.Sprintf("oversized: more than %d bytes", t.limit), Hint: hintCopy}
	}
	if _, werr := t.dst.Write(p[:n]); werr != nil {
		t.writeErr = werr
		return 0, werr
	}
	t.progress(t.done)
	return n, err
}
