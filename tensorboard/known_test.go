package tensorboard

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"
)

// gray is generate.py's png.
func gray(width, height int, level byte) []byte {
	row := append([]byte{0}, bytes.Repeat([]byte{level}, width)...)
	rows := bytes.Repeat(row, height)
	stored := append([]byte{0x78, 1, 1}, byte(len(rows)), byte(len(rows)>>8), ^byte(len(rows)), ^byte(len(rows)>>8))
	stored = append(stored, rows...)
	a, b := uint32(1), uint32(0) // Adler-32
	for _, v := range rows {
		a = (a + uint32(v)) % 65521
		b = (b + a) % 65521
	}
	stored = binary.BigEndian.AppendUint32(stored, b<<16|a)
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height))
	picture := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		picture = binary.BigEndian.AppendUint32(picture, uint32(len(data)))
		start := len(picture)
		picture = append(append(picture, kind...), data...)
		picture = binary.BigEndian.AppendUint32(picture, crc32.ChecksumIEEE(picture[start:]))
	}
	chunk("IHDR", append(head, 8, 0, 0, 0, 0))
	chunk("IDAT", stored)
	chunk("IEND", nil)
	return picture
}

// A clock stands still until it is moved on.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// TestKnownAnswer writes what testdata/generate.py has tensorboard write.
func TestKnownAnswer(t *testing.T) {
	dir := t.TempDir()
	c := &clock{time.Unix(1700000000, 250e6)}
	w, err := create(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	next := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c.t = c.t.Add(time.Second)
	}
	next(nil)
	next(w.restart(7))
	for step, v := range []float64{0, math.Copysign(0, -1), 0.1, -1.5e-42, 3.4e38, math.Inf(1), math.Inf(-1)} {
		next(w.Scalar("train/loss", step, v))
	}
	next(w.Scalar("größe", 1<<62, 1))
	next(w.Image("generation_0", 3, gray(3, 2, 200)))
	next(w.Image("large", 4, gray(120, 150, 9)))
	var quarters []float32
	for i := range 61 {
		quarters = append(quarters, float32(i)/4-3)
	}
	for step, values := range [][]float32{
		quarters,
		{2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5},
		{0.1, 0.7, 0.3, -0.9, 0.25, 0.3},
		{-3.4e38, 3.4e38, 0, 1},
		{1e-45, 0},
	} {
		next(w.Histogram("weights", step, values))
	}
	next(w.Text("config", 0, "*seed* 42\n"))
	next(w.Text("config", 0, ""))
	next(w.HParams([]Param{
		{"batch", 64}, {"lr", 1e-4}, {"objective", ""}, {"padded", false}, {"sampler.clip", math.Inf(1)},
		{"seed", uint64(math.MaxUint64)}, {"shuffled", true}, {"warmup", float32(0)},
	}, []string{"train/loss", "val"}))
	next(w.End(true))
	next(w.End(false))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	sameEvents(t, w.path, "testdata/ours.tfevents")
}

// sameEvents compares the bytes of two files, and tells which events differ.
func sameEvents(t *testing.T, path, wantPath string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(wantPath)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	ours, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := Read(wantPath)
	if err != nil {
		t.Fatal(err)
	}
	for i := range max(len(ours), len(theirs)) {
		if i >= len(ours) || i >= len(theirs) || !reflect.DeepEqual(ours[i], theirs[i]) {
			t.Fatalf("%d events, want %d; number %d is not the same\n%+v\n%+v", len(ours), len(theirs), i, at(ours, i), at(theirs, i))
		}
	}
	t.Error("the events are the same, their bytes are not")
}

func at(events []*Event, i int) any {
	if i < len(events) {
		return *events[i]
	}
	return "none"
}

// TestReadTheirs reads what tensorboard's own writer wrote.
func TestReadTheirs(t *testing.T) {
	events, err := Read("testdata/theirs.tfevents")
	if err != nil || len(events) != 4 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if e := *events[0]; e.FileVersion != "brain.Event:2" || e.Source != "tensorboard.summary.writer.event_file_writer" || e.WallTime != 1.7e9 {
		t.Errorf("first event %+v", e)
	}
	for step, e := range events[1:] {
		if e.Step != int64(step) || e.WallTime != 1700000000.5+float64(step) || len(e.Values) != 1 {
			t.Fatalf("event %+v", e)
		}
		v := e.Values[0]
		if x, ok := v.Scalar(); !ok || x != 1/float32(step+1) || v.Tag != "loss" || v.DataClass != classScalar {
			t.Errorf("value %+v", v)
		}
	}
}

// TestReadOld reads forms that only others write.
func TestReadOld(t *testing.T) {
	events, err := Read("testdata/old.tfevents")
	if err != nil || len(events) != 4 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	type scalar struct {
		step int64
		tag  string
		x    float32
	}
	var got []scalar
	for _, e := range events {
		for _, v := range e.Values {
			x, ok := v.Scalar()
			if !ok {
				t.Errorf("%+v is no scalar", v)
			}
			got = append(got, scalar{e.Step, v.Tag, x})
		}
	}
	want := []scalar{{-1, "a", 0.5}, {-1, "b", -2}, {2, "c", 1.25}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if events[1].Restart || events[2].Step != 1 || events[2].Values != nil {
		t.Errorf("read %+v, %+v", events[1], events[2])
	}
}

// TestNames: files sort in the order they were made, whatever the clock says.
func TestNames(t *testing.T) {
	c := &clock{time.Unix(1700000000, 0)}
	dir := filepath.Join(t.TempDir(), "new", "folder")
	var made []string
	for i := range 12 {
		if i == 7 {
			c.t = c.t.Add(-time.Hour)
		}
		w, err := create(dir, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		made = append(made, w.path)
	}
	sorted, err := eventFiles(dir)
	if err != nil || !reflect.DeepEqual(sorted, made) {
		t.Errorf("made %q\nsorted %q, %v", made, sorted, err)
	}
	if name := filepath.Base(made[0]); !regexp.MustCompile(`^events\.out\.tfevents\.1700000000\.joule\.[0-9]+\.0$`).MatchString(name) {
		t.Errorf("first name %q", made[0])
	}
}
