package record_test

import (
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/weights"
)

// TestOtherKernels: a run that goes on with other kernels says so once, and keeps
// it in its folder.
func TestOtherKernels(t *testing.T) {
	r, tr := create(t, tinyRun())
	fit(t, r, tr)
	last := r.CheckpointPath("last")
	f, err := checkpoint.Read(last)
	if err != nil {
		t.Fatal(err)
	}
	f.Metadata[weights.MetaKernels] = "sve"
	if err := checkpoint.Write(last, f); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var notes []string
		fit(t, r, resume(t, last), joule.Callback{Note: func(text string) { notes = append(notes, text) }})
		if log := string(readFile(t, r.NotesPath())); strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "step 6: the checkpoint was written with \"sve\" kernels") {
			t.Errorf("notes.log:\n%s", log)
		}
		if len(notes) > 0 && (len(notes) != 1 || !strings.Contains(notes[0], "bits differ")) {
			t.Errorf("told %q", notes)
		}
	}
}
