package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/run"
)

// A leftFile is a file or folder that was left out, and why.
type leftFile struct {
	path string
	err  error
	kind dataset.LeftOut
}

func (f leftFile) String() string {
	return printable(f.path) + ": " + printable(oneLine(f.err.Error()))
}

// leftKinds says what is left out, in the order in which it is told; names says
// whether some are named, or the ends of their names where it is false.
var leftKinds = []struct {
	kind  dataset.LeftOut
	text  string // for one, and with an s for several where % stands
	names bool
}{
	{dataset.Broken, "picture% that cannot be read", true},
	{dataset.Foreign, "picture% in a format that is not read", false},
	{dataset.Misnamed, "picture% without a name of one", true},
	{dataset.Linked, "symbolic link%, not followed", true},
	{dataset.Special, "device% or pipe%", true},
	{dataset.Locked, "folder% that cannot be read", true},
	{dataset.Beside, "picture% beside the splits", true},
	{dataset.Aside, "picture% of another split", false},
	{dataset.Own, "made by Joule", true},
	{dataset.Junk, "of the system or other programs", true},
	{dataset.Hidden, "hidden", true},
	{dataset.Other, "other file%", false},
}

// lostText says how many files that look like pictures are left out.
func lostText(n int) string {
	if n == 1 {
		return "1 file that looks like a picture is left out"
	}
	return thousands(int64(n)) + " files that look like pictures are left out"
}

// lost returns those that look like pictures.
func lost(left []leftFile) []leftFile {
	return slices.DeleteFunc(slices.Clone(left), func(f leftFile) bool { return !f.kind.Lost() })
}

// leftText counts by kind what was left out: "2 symbolic links, which are not
// followed (a.png, b.png); 3 other files (.txt, .json)".
func leftText(left []leftFile) string {
	var parts []string
	for _, k := range leftKinds {
		var list []string
		n := 0
		for _, f := range left {
			if f.kind != k.kind {
				continue
			}
			n++
			switch {
			case k.names && n <= 4:
				list = append(list, printable(f.path))
			case !k.names:
				list = append(list, cmp.Or(printable(strings.ToLower(filepath.Ext(f.path))), printable(filepath.Base(f.path))))
			}
		}
		if n == 0 {
			continue
		}
		if !k.names {
			list = commonest(list)
		}
		more := ""
		if len(list) > 3 {
			list, more = list[:3], " …"
		}
		s := "s"
		if n == 1 {
			s = ""
		}
		parts = append(parts, fmt.Sprintf("%s %s (%s%s)", thousands(int64(n)), strings.ReplaceAll(k.text, "%", s), strings.Join(list, ", "), more))
	}
	return strings.Join(parts, "; ")
}

// commonest returns each of the texts once, with its number where it is not the
// only one, the most frequent one first.
func commonest(texts []string) []string {
	count := map[string]int{}
	for _, t := range texts {
		count[t]++
	}
	list := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	if len(list) > 1 {
		for i, t := range list {
			list[i] = fmt.Sprintf("%s %s", t, thousands(int64(count[t])))
		}
	}
	return list
}

// mostLost is how many of them are named.
const mostLost = 5

// tellLost names the first files that look like pictures and were left out, and
// returns the number of all of them.
func (a *app) tellLost(left []leftFile) int {
	bad := lost(left)
	for _, f := range bad[:min(mostLost, len(bad))] {
		a.screen.line("%s", f)
	}
	if n := len(bad) - mostLost; n > 0 {
		a.screen.line("… and %s more", thousands(int64(n)))
	}
	return len(bad)
}

// skippedName is the file of a run's folder that lists what was left out.
const skippedName = "skipped.txt"

// keepSkipped writes the list of what was left out into the run's folder.
func keepSkipped(folder *run.Run, left []leftFile) error {
	if len(left) == 0 {
		return nil
	}
	path := filepath.Join(folder.Dir, skippedName)
	return atomicfile.Write(path, func(w io.Writer) error {
		for _, f := range left {
			if _, err := fmt.Fprintln(w, f); err != nil {
				return err
			}
		}
		return nil
	})
}
