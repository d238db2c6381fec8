package metric

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twin makes the file of create with the JSON file beside it.
func twin(t *testing.T, n int) string {
	t.Helper()
	path := create(t, n)
	w, err := CreateJSON(strings.TrimSuffix(path, ".csv")+".jsonl", path, columns)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMend damages the rows of seven steps in several ways. With the JSON file
// there is always a way back; without, the rest is kept, and what is lost told.
func TestMend(t *testing.T) {
	rows := strings.SplitAfter(seven, "\n")
	cut := func(from, to int) string { return strings.Join(rows[:from], "") + strings.Join(rows[to:], "") }
	for name, tt := range map[string]struct{ csv, alone, note string }{
		"sound":              {seven, seven, ""},
		"a gap":              {cut(2, 6), cut(2, 6), "lacks the steps 2 to 4: "},
		"two gaps":           {strings.Replace(cut(2, 3), rows[6], "", 1), strings.Replace(cut(2, 3), rows[6], "", 1), "lacks the steps 2, 5: "},
		"no end":             {cut(5, 10), cut(5, 10), "lacks the steps 4 to 7: "},
		"no validation":      {cut(4, 5), cut(4, 5), ""},
		"rows twice":         {strings.Join(rows[:5], "") + strings.Join(rows[1:], ""), seven, "had rows twice, which are dropped: 4"},
		"a bad row":          {strings.Replace(seven, "0,2,0.5", "0,2,x", 1), cut(2, 3), "has lines that cannot be read: 1; it is kept as "},
		"a long row":         {strings.Replace(seven, rows[2], strings.Repeat("x", 3*maxLine)+"\n", 1), cut(2, 3), "has lines that cannot be read: 1"},
		"no metrics":         {"this is\nsomething else\n", rows[0], "is not a file of metrics; it is kept as "},
		"a column less":      {"epoch,step,loss,val_real_out\n0,1,1,\n0,2,0.5,\n", rows[0] + "0,1,1,,\n0,2,0.5,,\n", "has other columns"},
		"out of order":       {rows[0] + rows[2] + rows[1] + strings.Join(rows[3:], ""), seven, ""},
		"garbage at the end": {seven + "\x00\x00\n", seven, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, with := range []bool{true, false} {
				path := twin(t, 7)
				if err := os.WriteFile(path, []byte(tt.csv), 0o666); err != nil {
					t.Fatal(err)
				}
				want := seven
				if with && name == "a column less" { // what it has stays as it is
					want = strings.Replace(want, "0,1,1,,1\n0,2,0.5,,2\n", "0,1,1,,\n0,1,,,1\n0,2,0.5,,\n0,2,,,2\n", 1)
				}
				if !with {
					want = tt.alone
					if err := os.Remove(strings.TrimSuffix(path, ".csv") + ".jsonl"); err != nil {
						t.Fatal(err)
					}
				}
				notes, err := Mend(path, columns, 7, true, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !with && !strings.Contains(strings.Join(notes, "\n"), tt.note) {
					t.Errorf("notes %q, want %q", notes, tt.note)
				}
				kept, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "metrics.damaged-1.csv"))
				if strings.Contains(tt.note, "kept as") && (len(kept) != 1 || content(t, kept[0]) != tt.csv) {
					t.Errorf("the damaged file is not kept: %q", kept)
				}
				w, err := Append(path, columns, 7, true)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if got := content(t, path); got != want {
					t.Errorf("JSON file %v: got\n%s\nwant\n%s", with, got, want)
				}
			}
		})
	}
}

// TestMendFromElsewhere: the file is gone, and so is the JSON file.
func TestMendFromElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.csv")
	if notes, err := Mend(path, columns, 3, true, nil); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "lacks the steps 1 to 3") {
		t.Errorf("%q, %v", notes, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file of nothing")
	}
	other := func() ([]Row, error) {
		return []Row{{0, 2, map[string]float64{"loss": 2, "strange": 1}}, {0, 3, map[string]float64{"loss": 3}}, {0, 4, nil}}, nil
	}
	notes, err := Mend(path, columns, 4, true, other)
	if want := "epoch,step,loss,val_real_out,gradient norm\n0,2,2,,\n0,3,3,,\n"; err != nil || content(t, path) != want {
		t.Errorf("%v: got\n%s\nwant\n%s", err, content(t, path), want)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "lacked rows that the event files had: 2") || !strings.Contains(notes[1], "lacks the steps 4: ") {
		t.Errorf("notes %q", notes)
	}
}

// TestMendLarge keeps the validations of a file beyond the limit.
func TestMendLarge(t *testing.T) {
	path := create(t, 3)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(maxFile + 1); err != nil { // a hole, which takes no room
		t.Fatal(err)
	}
	notes, err := Mend(path, columns, 3, true, nil)
	if want := "epoch,step,loss,val_real_out,gradient norm\n0,3,,-3,\n"; err != nil || content(t, path) != want {
		t.Errorf("%v, %q: got\n%s\nwant\n%s", err, notes, content(t, path), want)
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "has more than 256 MiB; it is kept as ") {
		t.Errorf("notes %q", notes)
	}
}

func FuzzMend(f *testing.F) {
	// Short, for the fuzzer spends its time on making what it finds shorter.
	f.Add([]byte("step\n1\n"), []byte("{\"step\":2}\n"), 2)
	f.Add([]byte("step,loss\n1,2\n1,3\n"), []byte("x\n{\"step\":\"Infinity\"}\n"), 3)
	f.Add([]byte{}, []byte{}, 0)
	f.Fuzz(func(t *testing.T, csv, lines []byte, keep int) {
		path := filepath.Join(t.TempDir(), "metrics.csv")
		for name, data := range map[string][]byte{path: csv, strings.TrimSuffix(path, ".csv") + ".jsonl": lines} {
			if err := os.WriteFile(name, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Mend(path, columns, keep, true, nil); err != nil {
			t.Fatal(err)
		}
		w, err := Append(path, columns, keep, true)
		if err != nil {
			t.Fatal(fmt.Errorf("after Mend: %w", err))
		}
		w.Close()
	})
}
