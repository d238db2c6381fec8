package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A picture is a file of a folder that is to be read.
type picture struct {
	path  string // within the folder, with slashes
	name  string // the same within its split
	test  bool   // in the folder val or test
	class int
	info  fs.FileInfo // as Lstat has it
}

// A listing is what there is to read in a folder.
type listing struct {
	pictures []picture // in the order of their paths, the held-out split last
	splits   bool      // the folder has splits
	classes  []string
	skipped  []skipped
	entries  int // looked at
	others   int // files that are no pictures by their names
}

// list finds the pictures of the folder.
func (r *folderReader) list(ctx context.Context) (*listing, error) {
	l := &listing{}
	if err := r.walk(ctx, l, ".", 0); err != nil {
		return nil, err
	}
	if len(l.pictures) == 0 {
		what := "no PNG, JPEG or GIF pictures in it"
		if l.others > 0 {
			what += fmt.Sprintf(", but %d other files", l.others)
		}
		return nil, &Error{File: r.dir, What: what, Hint: "their names must end in .png, .jpg, .jpeg or .gif"}
	}
	slices.SortFunc(l.skipped, func(a, b skipped) int { return cmp.Compare(a.Path, b.Path) })
	l.split()
	l.classify()
	return l, nil
}

func (r *folderReader) walk(ctx context.Context, l *listing, dir string, depth int) error {
	if depth > r.limits.depth {
		return &Error{File: r.dir, What: fmt.Sprintf("%s lies more than %d folders deep", showPath(dir), r.limits.depth), Hint: "give a folder further down"}
	}
	f, err := r.root.Open(dir)
	if err != nil {
		if depth == 0 {
			return &Error{File: r.dir, What: "the folder of images cannot be read", Hint: "look at its permissions", Err: plain(err)}
		}
		l.skipped = append(l.skipped, skipped{dir, "a folder that cannot be read: " + reason(err)})
		return nil
	}
	defer f.Close()
	for {
		if err := r.stopped(ctx); err != nil {
			return err
		}
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if err := r.entry(ctx, l, dir, depth, e); err != nil {
				return err
			}
		}
		if err == io.EOF || len(entries) == 0 && err == nil {
			return nil
		}
		if err != nil {
			return &Error{File: r.dir, What: showPath(dir) + " cannot be listed", Hint: "look at the disk", Err: plain(err)}
		}
	}
}

func (r *folderReader) entry(ctx context.Context, l *listing, dir string, depth int, e fs.DirEntry) error {
	if l.entries++; l.entries > r.limits.entries {
		return &Error{File: r.dir, What: fmt.Sprintf("more than %d files and folders", r.limits.entries), Hint: "divide the folder, or give one further down"}
	}
	if strings.HasPrefix(e.Name(), ".") {
		return nil
	}
	name := path.Join(dir, e.Name())
	skip := func(why string) error {
		l.skipped = append(l.skipped, skipped{name, why})
		return nil
	}
	switch kind := e.Type(); {
	case kind.IsDir():
		return r.walk(ctx, l, name, depth+1)
	case kind&fs.ModeSymlink != 0:
		return skip("a symbolic link, which is not followed")
	case !isPicture(e.Name()):
		l.others++
		return nil
	case !kind.IsRegular():
		return skip(errNotRegular.Error())
	}
	info, err := e.Info()
	if err != nil {
		return skip(reason(err))
	}
	if len(l.pictures) == r.limits.pictures {
		return &Error{File: r.dir, What: fmt.Sprintf("more than %d pictures", r.limits.pictures), Hint: "divide the folder, or give one further down"}
	}
	l.pictures = append(l.pictures, picture{path: name, name: name, info: info})
	return nil
}

// stopped returns an error if the caller gave up.
func (r *folderReader) stopped(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("dataset: reading %s: %w", r.dir, context.Cause(ctx))
}

// split puts the pictures in order and finds out whether the folder is divided
// into train and val, or train and test.
func (l *listing) split() {
	has := map[string]bool{}
	for _, p := range l.pictures {
		if top, _, ok := strings.Cut(p.path, "/"); ok {
			has[top] = true
		}
	}
	test := ""
	switch {
	case has["train"] && has["val"]:
		test = "val"
	case has["train"] && has["test"]:
		test = "test"
	}
	if test != "" {
		l.splits = true
		l.pictures = slices.DeleteFunc(l.pictures, func(p picture) bool {
			top, _, ok := strings.Cut(p.path, "/")
			return !ok || top != "train" && top != test
		})
		for i := range l.pictures {
			p := &l.pictures[i]
			top, rest, _ := strings.Cut(p.path, "/")
			p.name, p.test = rest, top == test
		}
	}
	slices.SortFunc(l.pictures, func(a, b picture) int {
		if a.test != b.test {
			if b.test {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.path, b.path)
	})
}

// classify numbers the classes, unless a picture has none.
func (l *listing) classify() {
	number := map[string]int{}
	for _, p := range l.pictures {
		class, _, ok := strings.Cut(p.name, "/")
		if !ok {
			return
		}
		number[class] = 0
	}
	if len(number) > maxClasses {
		return
	}
	for class := range number {
		l.classes = append(l.classes, class)
	}
	slices.Sort(l.classes)
	for i, class := range l.classes {
		number[class] = i
	}
	for i := range l.pictures {
		class, _, _ := strings.Cut(l.pictures[i].name, "/")
		l.pictures[i].class = number[class]
	}
}

// held tells which of the pictures, those that can be read, are held out.
func (l *listing) held(pictures []picture) []bool {
	held := make([]bool, len(pictures))
	if l.splits {
		for i, p := range pictures {
			held[i] = p.test
		}
		return held
	}
	share, order := make([]float64, len(pictures)), make([]int, len(pictures))
	for i, p := range pictures {
		sum := sha256.Sum256([]byte(p.path))
		share[i] = float64(binary.BigEndian.Uint64(sum[:])) / (1 << 64)
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(share[a], share[b]) })
	n := 0
	for n < len(order) && share[order[n]] < heldShare {
		n++
	}
	n = max(1, min(n, maxHeld, len(order)-1))
	for _, i := range order[:min(n, len(order))] {
		held[i] = true
	}
	return held
}
