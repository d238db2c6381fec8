package sweep_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/sweep"
)

// What a file says is bounded before it takes memory.
func TestOpenBoundsRuns(t *testing.T) {
	dir := t.TempDir()
	text := `{"settings": "seed: 1", "runs": [` + strings.Repeat("{},", 10*sweep.MaxRuns) + `{}]}`
	if err := os.WriteFile(filepath.Join(dir, "sweep.json"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := sweep.Open(dir, joule.DefaultConfig(), sweep.Figure{}, nil)
	if err == nil || !strings.Contains(err.Error(), "10001 runs are more than 10000") {
		t.Errorf("error %v", err)
	}
}
