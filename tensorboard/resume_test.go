package tensorboard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// scalars returns the events of dir that have values, in TensorBoard's order:
// the step and tag of each and its number, if it is a scalar.
func scalars(t fataler, dir string) (all []string) {
	t.Helper()
	paths, err := eventFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		events, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 || events[0].FileVersion != fileVersion {
			t.Errorf("%s begins with no version", path)
		}
		for _, e := range events {
			for _, v := range e.Values {
				x, _ := v.Scalar()
				all = append(all, fmt.Sprint(e.Step, " ", v.Tag, " ", x))
			}
		}
	}
	return all
}

func check(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes two tags at each of the steps and closes w.
func write(t fataler, w *Writer, from, to int) {
	t.Helper()
	for step := from; step <= to; step++ {
		check(t, w.Scalar("a", step, float64(step)))
		check(t, w.Scalar("b", step, -float64(step)))
	}
	check(t, w.Close())
}

// straight is what write leaves.
func straight(from, to int) (all []string) {
	for step := from; step <= to; step++ {
		all = append(all, fmt.Sprintf("%d a %d", step, step), fmt.Sprintf("%d b %d", step, -step))
	}
	return all
}

func newWriter(t fataler, dir string) *Writer {
	t.Helper()
	w, err := Create(dir)
	check(t, err)
	return w
}

func resumed(t fataler, dir string, keepStep int) *Writer {
	t.Helper()
	w, err := Resume(dir, keepStep, nil)
	check(t, err)
	return w
}

// TestResume: stopping anywhere and going on gives the events of a run that
// never stopped.
func TestResume(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	w := newWriter(t, whole)
	path := w.path
	write(t, w, 1, 3)
	file, err := os.ReadFile(path)
	check(t, err)
	tails := []string{"", "\x00\x00\x00\x00\x00\x00", strings.Repeat("\x00", 200_000)}
	for size := 0; size <= len(file); size++ {
		part := file[:size]
		// The steps that are in the file to their end.
		step := 0
		events, _ := readAll(bytes.NewReader(part))
		for _, e := range events {
			if e.Values != nil && e.Values[0].Tag == "b" {
				step = int(e.Step)
			}
		}
		for _, tail := range tails {
			damaged := bytes.NewReader(append(bytes.Clone(part), tail...))
			c, _, err := scan(path, damaged, damaged.Size(), func(e *Event) bool { return e.Step <= int64(step) })
			if err != nil || c.events != 2*step {
				t.Errorf("%d bytes and %d zeros: %+v, %v", size, len(tail), c, err)
			}
		}
		if size%17 == 0 { // syncing is slow
			dir, tail := t.TempDir(), tails[size%len(tails)]
			check(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), append(bytes.Clone(part), tail...), 0o666))
			write(t, resumed(t, dir, step), step+1, 3)
			if got, want := scalars(t, dir), straight(1, 3); !slices.Equal(got, want) {
				t.Fatalf("%d bytes of %d, %d zeros: %q", size, len(file), len(tail), got)
			}
		}
	}
}

// TestResumeTwice: more than one file has to be cut, and a file without
// events that count is removed.
func TestResumeTwice(t *testing.T) {
	dir := t.TempDir()
	write(t, newWriter(t, dir), 1, 4)
	write(t, resumed(t, dir, 3), 4, 9)
	write(t, resumed(t, dir, 7), 8, 8)
	if got := scalars(t, dir); !slices.Equal(got, straight(1, 8)) {
		t.Errorf("%q", got)
	}
	for range 3 {
		write(t, resumed(t, dir, 2), 3, 3)
		if got := scalars(t, dir); !slices.Equal(got, straight(1, 3)) {
			t.Errorf("%q", got)
		}
		if paths, err := eventFiles(dir); err != nil || len(paths) != 2 {
			t.Errorf("%d files, %v", len(paths), err)
		}
	}
	write(t, resumed(t, dir, -1), 5, 5)
	if got := scalars(t, dir); !slices.Equal(got, straight(5, 5)) {
		t.Errorf("%q", got)
	}
}

// TestResumeKilled: it goes on where it was killed.
func TestResumeKilled(t *testing.T) {
	dir := t.TempDir()
	write(t, newWriter(t, dir), 1, 4)
	write(t, newWriter(t, dir), 5, 8)
	paths, err := eventFiles(dir)
	check(t, err)
	c, _, err := plan(paths[1], func(e *Event) bool { return e.Step <= 3 })
	check(t, err)
	check(t, c.apply()) // and the process ends here
	stale := filepath.Join(dir, "."+filepath.Base(paths[0])+".tmp-ABCDEFGHIJ")
	check(t, os.WriteFile(stale, []byte("half"), 0o666))
	write(t, resumed(t, dir, 3), 4, 8)
	if got := scalars(t, dir); !slices.Equal(got, straight(1, 8)) {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file: %v", err)
	}
}

func TestResumeNothing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "a", "b")} {
		write(t, resumed(t, dir, 0), 1, 2)
		if got := scalars(t, dir); !slices.Equal(got, straight(1, 2)) {
			t.Errorf("%q", got)
		}
	}
}

// TestResumeRestart: the new file tells readers to drop what they have read.
func TestResumeRestart(t *testing.T) {
	dir := t.TempDir()
	write(t, newWriter(t, dir), 1, 4)
	w := resumed(t, dir, 2)
	events, err := Read(w.path) // before anything is flushed
	if err != nil || len(events) != 3 || !events[1].Restart || events[1].Step != 3 || !events[2].Restart || events[2].Step != 3 {
		t.Errorf("%v, %v", events, err)
	}
	check(t, w.Close())
}

// TestResumeDamaged flips a bit of each byte: the file is kept under another
// name, and what can be read stays.
func TestResumeDamaged(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir)
	path := w.path
	write(t, w, 1, 3)
	good, err := os.ReadFile(path)
	check(t, err)
	last := len(good) - 1 // of the records but the last, which may be taken for one that was not written to its end
	for records := NewReader(bytes.NewReader(good)); ; {
		offset := int(records.Offset())
		if _, err := records.Next(); err == io.EOF {
			break
		}
		last = offset
	}
	all := straight(1, 3)
	for i := 0; i < last; i += 3 {
		bad := bytes.Clone(good)
		bad[i] ^= 4
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), bad, 0o666))
		w := resumed(t, dir, 3)
		check(t, w.Close())
		if list := w.Damaged(); len(list) != 1 || filepath.Base(list[0]) != "events.damaged-1" {
			t.Fatalf("byte %d: kept as %q", i, list)
		}
		if got, err := os.ReadFile(w.Damaged()[0]); err != nil || !bytes.Equal(got, bad) {
			t.Fatalf("byte %d: the damaged file was changed, %v", i, err)
		}
		got := scalars(t, dir)
		one := len(got) == len(all)-1 || len(got) == len(all) // of the data: one record is lost, or the first one
		if !one && !slices.Equal(got, all[:len(got)]) {       // of a length: all that follows is
			t.Fatalf("byte %d: %q", i, got)
		}
	}
}

// TestResumeAgain drops what will be said anew.
func TestResumeAgain(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir)
	write(t, w, 1, 3)
	w, err := Resume(dir, 2, func(tag string) bool { return tag != "b" })
	check(t, err)
	check(t, w.Close())
	if got, want := scalars(t, dir), []string{"1 a 1", "1 b -1", "2 b -2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestResumeAnyOrder holds Resume to keeping the events up to the step, in
// whatever order they were written and to whatever files.
func TestResumeAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "tensorboard")
		check(t, err)
		defer os.RemoveAll(dir)
		keep := rapid.IntRange(-2, 4).Draw(t, "keep")
		var want []string
		n := 0
		for i, steps := range rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 8), 1, 4).Draw(t, "steps") {
			path := filepath.Join(dir, fmt.Sprintf("%s%010d.host.1.0", namePrefix, i))
			f, err := os.Create(path)
			check(t, err)
			w := &Writer{path: path, file: f, sync: func() error { return nil }, buf: bufio.NewWriter(f), now: time.Now, limit: maxRecord}
			check(t, w.version())
			for _, step := range steps {
				check(t, w.Scalar("a", step, float64(n)))
				if step <= keep {
					want = append(want, fmt.Sprint(step, " a ", n))
				}
				n++
			}
			if rapid.Bool().Draw(t, "end") {
				check(t, w.End(true))
			}
			check(t, w.Close())
		}
		check(t, resumed(t, dir, keep).Close())
		if got := scalars(t, dir); !slices.Equal(got, want) {
			t.Errorf("kept %q, want %q", got, want)
		}
	})
}

// hparams returns the tags and contents of what is in dir for the table of
// settings, and the time of the last of it.
func hparams(t *testing.T, dir string) (tags []string, started float64, content []string) {
	t.Helper()
	paths, err := eventFiles(dir)
	check(t, err)
	for _, path := range paths {
		events, err := Read(path)
		check(t, err)
		for _, e := range events {
			for _, v := range e.Values {
				if v.Plugin == "hparams" {
					tags = append(tags, v.Tag)
					started = e.WallTime
					content = append(content, string(v.Content))
				}
			}
		}
	}
	return tags, started, content
}

// TestResumeHParams: the table has one row for a run, that of its last
// settings, and the run's start.
func TestResumeHParams(t *testing.T) {
	dir := t.TempDir()
	three := []Param{{"epochs", 3}, {"lr", 1e-4}}
	ten := []Param{{"epochs", 10}, {"lr", 1e-4}}
	tags := []string{"a"}
	w := newWriter(t, dir)
	check(t, w.HParams(three, tags))
	write(t, w, 1, 4)
	first, err := os.ReadFile(w.path)
	check(t, err)

	names, started, content := hparams(t, dir)
	if !slices.Equal(names, []string{tagExperiment, tagSessionStart}) {
		t.Fatalf("%q", names)
	}

	w = resumed(t, dir, 4) // the same settings: nothing is written
	check(t, w.HParams(three, tags))
	check(t, w.End(true))
	write(t, w, 5, 6)
	if again, _, c := hparams(t, dir); !slices.Equal(again, append(names, tagSessionEnd)) || !slices.Equal(c[:2], content) {
		t.Errorf("%q", again)
	}
	paths, err := eventFiles(dir)
	check(t, err)
	if got, err := os.ReadFile(paths[0]); err != nil || !bytes.Equal(got, first) {
		t.Errorf("the first file was changed: %v", err)
	}

	w = resumed(t, dir, 5) // others, and the run has not ended
	check(t, w.HParams(ten, tags))
	write(t, w, 6, 7)
	again, start, c := hparams(t, dir)
	if !slices.Equal(again, names) || start != started || slices.Equal(c, content) {
		t.Errorf("%q, start %v, not %v", again, start, started)
	}
	w = resumed(t, dir, 7)
	check(t, w.HParams(ten, tags))
	check(t, w.Close())
	if again, _, same := hparams(t, dir); !slices.Equal(again, names) || !slices.Equal(same, c) {
		t.Errorf("%q", again)
	}
	var numbers []string
	for _, s := range scalars(t, dir) {
		if !strings.Contains(s, "_hparams_") {
			numbers = append(numbers, s)
		}
	}
	if !slices.Equal(numbers, straight(1, 7)) {
		t.Errorf("%q", numbers)
	}
}

// TestKeepsBytes: what is kept is kept to the bit, others' fields included.
func TestKeepsBytes(t *testing.T) {
	file, err := os.ReadFile("testdata/old.tfevents")
	check(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "events.out.tfevents.1.x")
	check(t, os.WriteFile(path, file, 0o666))
	check(t, resumed(t, dir, 2).Close())
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, file) {
		t.Errorf("changed: %v", err)
	}
	events, err := Read(path)
	check(t, err)
	check(t, resumed(t, dir, 1).Close())
	if got, err := Read(path); err != nil || !reflect.DeepEqual(got, events[:3]) {
		t.Errorf("%v, %v", got, err)
	}
}
