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

	"github.com/joule-ml/joule/internal/imagefile"
)

// A picture is a file of a folder that is to be read.
type picture struct {
	path  string // within the folder, with slashes
	up    string // what lies above the folder of its split
	name  string // the path within its split
	test  bool   // in the split that is held out
	class int
	info  fs.FileInfo // as Lstat has it
}

// A listing is what there is to read in a folder.
type listing struct {
	pictures []picture // in the order of their paths, the held-out split last
	splits   bool      // the folder has splits
	classes  []string
	skipped  []skipped // by what the walk has seen of them
	found    []skipped // what is left out beside those, or found out about them
	notes    []string  // how the folder was understood
	folders  []string  // at the top
	entries  int       // looked at
}

func (l *listing) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

// leftOut returns what is left out, in the order of the paths.
func leftOut(walked, found []skipped) []skipped {
	better := map[rawName]bool{}
	for _, s := range found {
		better[s.Path] = true
	}
	list := slices.Clone(found)
	for _, s := range walked {
		if !better[s.Path] {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b skipped) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// list finds the pictures of the folder, in the order of their paths, and those
// whose names do not say so.
func (r *folderReader) list(ctx context.Context) (*listing, error) {
	l := &listing{}
	if err := r.walk(ctx, l, ".", 0); err != nil {
		return nil, err
	}
	slices.SortFunc(l.skipped, func(a, b skipped) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(l.pictures, func(a, b picture) int { return cmp.Compare(a.path, b.path) })
	slices.Sort(l.folders)
	return l, r.sniffOthers(ctx, l)
}

// none is the error of a folder without pictures.
func (r *folderReader) none(l *listing) error {
	count := map[LeftOut]int{}
	for _, s := range leftOut(l.skipped, l.found) {
		count[s.Kind]++
	}
	e := &Error{File: r.dir, What: "no " + imagefile.Kinds + " pictures in it",
		Hint: "their names must end in one of " + strings.Join(imagefile.Extensions(), " ")}
	for _, k := range []struct {
		kind       LeftOut
		what, hint string // an s for several where % stands
	}{
		{Linked, "symbolic link%, not followed", "give the folder that they point to, or put copies in their place, as cp -rL does"},
		{Misnamed, "picture% without a name of one", ""},
		{Foreign, "picture% in a format that is not read", "save them again as PNG; joule data verify lists them"},
		{Own, "folder% of runs", "give the folder of samples itself to take those"},
		{Locked, "folder% that cannot be read", "look at their permissions"},
		{Special, "device% or pipe%", "give a folder of files"},
		{Hidden, "hidden file% or folder%", "names that begin with a dot are passed over: rename them, or give such a folder itself"},
		{Junk, "file% or folder% of the system or other programs", "give such a folder itself if it is meant"},
		{Other, "other file%", ""},
	} {
		if n := count[k.kind]; n > 0 {
			s := "s"
			if n == 1 {
				s = ""
			}
			e.What += fmt.Sprintf(", but %d %s", n, strings.ReplaceAll(k.what, "%", s))
			e.Hint = cmp.Or(k.hint, e.Hint)
			break
		}
	}
	return e
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
		l.skipped = append(l.skipped, skipped{rawName(dir), "a folder that cannot be read: " + reason(err), Locked})
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
	name := path.Join(dir, e.Name())
	skip := func(kind LeftOut, why string) error {
		l.skipped = append(l.skipped, skipped{rawName(name), why, kind})
		return nil
	}
	switch kind := e.Type(); {
	case isJunk(e.Name()):
		return skip(Junk, "made by the system or by another program")
	case strings.HasPrefix(e.Name(), "."):
		return skip(Hidden, "hidden: its name begins with a dot")
	case kind.IsDir() && r.isRun(name):
		return skip(Own, "the folder of a run of Joule")
	case kind.IsDir():
		if depth == 0 {
			l.folders = append(l.folders, name)
		}
		return r.walk(ctx, l, name, depth+1)
	case kind&fs.ModeSymlink != 0:
		return skip(Linked, "a symbolic link, which is not followed")
	case isForeign(e.Name()):
		return skip(Foreign, "a picture of a format that is not read")
	case !isPicture(e.Name()):
		return skip(Other, "not a picture by its name")
	case !kind.IsRegular():
		return skip(Special, errNotRegular.Error())
	}
	info, err := e.Info()
	if err != nil {
		return skip(Broken, reason(err))
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
