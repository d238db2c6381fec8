package dataset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/lane"
)

// A file of the cache is
//
//	cacheMagic
//	SHA-256 of all that follows
//	length of the header, 4 bytes, big-endian
//	the header, a cacheHeader in JSON
//	the labels of the training and the held-out images, where there are any
//	the pixels of the training and the held-out images
const (
	cacheMagic     = "joule images 4\n"
	cacheSuffix    = ".images"
	maxCacheHeader = 256 << 20
)

type cacheHeader struct {
	Key     string     `json:"key"`
	Shape   lane.Shape `json:"shape"`
	Train   int        `json:"train"`
	Test    int        `json:"test"`
	Labels  bool       `json:"labels"`
	Classes []rawName  `json:"classes"`
	Skipped []skipped  `json:"skipped"`
	Notes   []string   `json:"notes"`
}

// A rawName is a name of the disk, which need not be UTF-8 as JSON's strings are.
type rawName string

func (n rawName) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(n)) }

func (n *rawName) UnmarshalJSON(text []byte) error {
	var b []byte
	err := json.Unmarshal(text, &b)
	*n = rawName(b)
	return err
}

// A folderCache is the place of one set in the cache.
type folderCache struct {
	reader *folderReader
	key    string
	path   string // "" without a cache
}

// cache returns the place of what l comes to: it depends on the folder, the
// shape and on every file that would be read or is passed over.
func (r *folderReader) cache(l *listing) *folderCache {
	c := &folderCache{reader: r}
	dir := r.opt.Cache
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return c
		}
		dir = filepath.Join(user, "joule", "datasets")
	}
	full, err := filepath.Abs(r.dir)
	if err != nil {
		return c
	}
	h := sha256.New()
	// Each text goes in behind its length, so that no two lists look alike.
	text := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	text(cacheMagic)
	text(full)
	fmt.Fprintf(h, "%d %d %d\n", r.shape.C, r.shape.H, r.shape.W)
	for _, p := range l.pictures {
		text(p.path)
		fmt.Fprintf(h, "%d %d\n", p.info.Size(), p.info.ModTime().UnixNano())
	}
	for _, list := range [][]skipped{l.skipped, l.found} {
		for _, s := range list {
			if s.Kind.Lost() { // it may make a split, and is told; others change nothing
				text(string(s.Path))
				text(s.Reason)
			}
		}
	}
	for _, folder := range l.folders {
		if rank, _ := splitOf(folder); rank != 0 { // also an empty one is told
			text(folder)
		}
	}
	c.key = hex.EncodeToString(h.Sum(nil))
	c.path = filepath.Join(dir, "folders", c.key[:32]+cacheSuffix)
	return c
}

// load returns the set from the cache, nil if it is not there. That it is
// damaged is told and no more: it will be replaced.
func (c *folderCache) load() *sets {
	if c.path == "" {
		return nil
	}
	f, err := regular.Open(c.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.fault("reading", err)
		}
		return nil
	}
	defer f.Close()
	st, err := f.Stat()
	var s *sets
	if err == nil {
		s, err = readCache(f, st.Size(), c.key, c.reader.limits.bytes)
	}
	if err != nil {
		c.fault("reading", err)
		return nil
	}
	for _, set := range []*Set{s.train, s.test} {
		set.Name = c.reader.dir
	}
	now := time.Now()
	os.Chtimes(c.path, now, now) // the oldest are removed first; not worth failing for
	return s
}

func (c *folderCache) fault(doing string, err error) {
	c.reader.tell(FolderEvent{Path: c.path, Cache: true, Err: fmt.Errorf("%s the cache: %w", doing, plain(err))})
}

// readCache reads a file of the cache of size bytes. Nothing is allocated for
// what a header promises before the size bears it out.
func readCache(r io.Reader, size int64, key string, most int64) (*sets, error) {
	damaged := errors.New("the file is damaged")
	start := make([]byte, len(cacheMagic)+sha256.Size+4)
	if _, err := io.ReadFull(r, start); err != nil || !strings.HasPrefix(string(start), cacheMagic) {
		return nil, damaged
	}
	sum, length := start[len(cacheMagic):len(start)-4], start[len(start)-4:]
	hash := sha256.New()
	hash.Write(length)
	n := int64(binary.BigEndian.Uint32(length))
	if size -= int64(len(start)); n > size || n > maxCacheHeader {
		return nil, damaged
	}
	r = io.TeeReader(r, hash)
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, damaged
	}
	var h cacheHeader
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil || h.Key != key {
		return nil, damaged
	}
	s, err := h.sets(size-n, most)
	if err != nil {
		return nil, damaged
	}
	for _, part := range [][]byte{s.train.Labels, s.test.Labels, s.train.Pixels, s.test.Pixels} {
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, damaged
		}
	}
	if !bytes.Equal(hash.Sum(nil), sum) {
		return nil, damaged
	}
	for _, set := range []*Set{s.train, s.test} {
		for _, class := range set.Labels {
			if int(class) >= len(h.Classes) {
				return nil, damaged
			}
		}
	}
	return s, nil
}

// sets makes room for what the header promises, which must be rest bytes.
func (h *cacheHeader) sets(rest, most int64) (*sets, error) {
	bad := errors.New("numbers that do not fit")
	c := h.Shape
	if c.C != 1 && c.C != 3 || c.H < 1 || c.W < 1 || c.H > MaxSide || c.W > MaxSide ||
		h.Train < 1 || h.Test < 1 || int64(h.Train) > most || int64(h.Test) > most || h.Labels != (len(h.Classes) > 0) || len(h.Classes) > maxClasses {
		return nil, bad
	}
	n := int64(h.Train) + int64(h.Test)
	bytes := n * int64(c.Len())
	if bytes > most || h.Labels && bytes+n != rest || !h.Labels && bytes != rest {
		return nil, bad
	}
	of := func(n int) *Set {
		set := &Set{N: n, C: c.C, H: c.H, W: c.W, Pixels: make([]byte, n*c.Len())}
		if h.Labels {
			set.Labels = make([]byte, n)
			for _, class := range h.Classes {
				set.Classes = append(set.Classes, string(class))
			}
		}
		return set
	}
	return &sets{train: of(h.Train), test: of(h.Test), skipped: h.Skipped, notes: h.Notes}, nil
}

// store puts the set into the cache and removes the oldest ones beyond the
// limits. A fault is told and no more: the set is at hand.
func (c *folderCache) store(s *sets) {
	if c.path == "" {
		return
	}
	err := atomicfile.MakeFolder(filepath.Dir(c.path))
	if err == nil {
		err = atomicfile.Write(c.path, func(w io.Writer) error { return writeCache(w, c.key, s) })
	}
	if err != nil {
		var e *atomicfile.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		c.fault("writing", err)
		return
	}
	c.prune()
}

func writeCache(w io.Writer, key string, s *sets) error {
	h := cacheHeader{
		Key: key, Shape: lane.Shape{C: s.train.C, H: s.train.H, W: s.train.W},
		Train: s.train.N, Test: s.test.N, Labels: s.train.Labels != nil, Skipped: s.skipped, Notes: s.notes,
	}
	for _, class := range s.train.Classes {
		h.Classes = append(h.Classes, rawName(class))
	}
	text, err := json.Marshal(h)
	if err != nil {
		panic("dataset: " + err.Error()) // a header is plain data
	}
	if len(text) > maxCacheHeader {
		return fmt.Errorf("%d bytes of names", len(text))
	}
	parts := [][]byte{binary.BigEndian.AppendUint32(nil, uint32(len(text))), text, s.train.Labels, s.test.Labels, s.train.Pixels, s.test.Pixels}
	hash := sha256.New()
	for _, p := range parts {
		hash.Write(p)
	}
	for _, p := range append([][]byte{[]byte(cacheMagic), hash.Sum(nil)}, parts...) {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// prune removes the sets that were not used for the longest time until the
// cache is within its limits; never the one just written.
func (c *folderCache) prune() {
	dir := filepath.Dir(c.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(info.Name(), cacheSuffix) {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	var total int64
	kept := 0
	for _, own := range []bool{true, false} {
		for _, f := range files {
			if (f.Name() == filepath.Base(c.path)) != own {
				continue
			}
			if !own && (kept == c.reader.limits.cached || total+f.Size() > c.reader.limits.cache) {
				os.Remove(filepath.Join(dir, f.Name()))
				continue
			}
			kept++
			total += f.Size()
		}
	}
}
