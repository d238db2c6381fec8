package dataset

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// FuzzArrange divides folders of any names: no picture is lost, each is in one
// split, and each has a name within it.
func FuzzArrange(f *testing.F) {
	for _, seed := range []string{"train/a\nval/b", "seg_train/seg_train/a/1\nseg_test/seg_test/a/2", "cat/train/1\ncat/val/2", "x\ntrain/1\ntest/2\nval/3", "valid/1\ntest/2", "TRAIN/images/1\ndev/images/2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paths := strings.Split(text, "\n")
		slices.Sort(paths)
		l := &listing{}
		for _, path := range slices.Compact(paths) {
			if path == "" || strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") || strings.Contains(path, "//") || len(l.pictures) == 50 {
				continue // no path of a file, or more than are of use
			}
			l.pictures = append(l.pictures, picture{path: path, name: path})
		}
		all := len(l.pictures)
		if all == 0 || l.arrange("dir") != nil {
			return
		}
		if len(l.pictures)+len(l.found)+len(l.skipped) != all {
			t.Fatalf("%d of %d pictures, %d left out", len(l.pictures), all, len(l.found)+len(l.skipped))
		}
		both := [2]int{}
		for _, p := range l.pictures {
			if p.name == "" || !strings.HasSuffix(p.path, p.name) && !l.splits || l.classes != nil && p.class >= len(l.classes) {
				t.Fatalf("%q is called %q, class %d of %d", p.path, p.name, p.class, len(l.classes))
			}
			if p.test {
				both[1]++
			} else {
				both[0]++
			}
		}
		if l.splits && both[0] == 0 || !l.splits && both[1] > 0 {
			t.Fatalf("%v pictures in the splits", both)
		}
	})
}

func FuzzIsOwn(f *testing.F) {
	f.Add(withText(tile(f, 3), "tEXt", ownKey+"model"))
	f.Add(withComment(f, ownKey+"model"))
	f.Add(tile(f, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		if isOwn(bytes.NewReader(b)) && !bytes.Contains(b, []byte(ownKey)) {
			t.Fatal("a file without our key is ours")
		}
	})
}
