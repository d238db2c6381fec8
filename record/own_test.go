package record_test

import "testing"

// TestOwn: run knows all files that a training writes as Joule's, so that they go
// with the run.
func TestOwn(t *testing.T) {
	cfg := tinyRun()
	cfg.Snapshot.EveryNEpochs, cfg.Filmstrip.EveryNEpochs, cfg.Checkpoint.TopK, cfg.TensorBoard.EveryNSteps = 1, 1, 1, 1
	r := fitRun(t, cfg)
	files, _, err := r.Files()
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if !f.Own {
			t.Errorf("%s is taken for somebody else's", f.Path)
		}
	}
}
