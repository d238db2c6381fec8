package joule_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
)

// What the process that TestKilled kills is told: the checkpoint to write to
// and to go on from, and the save at which to wait for its end, counted from 1;
// 0 for none.
const (
	killedPath = "JOULE_TEST_TRAIN_INTO"
	killedSave = "JOULE_TEST_KILLED_IN_SAVE"
)

// killedLine is what that process prints when it can be killed.
const killedLine = "saving"

// TestKilled kills a training process within a save, of a step or at the end of
// an epoch, some times in a row, and resumes each time from what it left: the
// end has the bits of a run that was never killed.
func TestKilled(t *testing.T) {
	if path := os.Getenv(killedPath); path != "" {
		trainUntilKilled(t, path)
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	path := filepath.Join(t.TempDir(), "last.safetensors")
	for _, save := range []int{1, 4, 3, 0} {
		trainAndKill(t, path, save)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	straight := joule.TinyTrainer(t, joule.TinyConfig())
	joule.FitTiny(t, straight, joule.Callback{})
	if !bytes.Equal(got, joule.Saved(t, straight)) {
		t.Error("the run that was killed ends with other bits")
	}
}

// trainUntilKilled is the process that is killed. At the save where it is to
// end it says so, and saves again and again, so that it is in a save when the
// end comes, on a machine of any speed.
func trainUntilKilled(t *testing.T, path string) {
	last, err := strconv.Atoi(os.Getenv(killedSave))
	if err != nil {
		t.Fatal(err)
	}
	tr := joule.TinyTrainer(t, joule.TinyConfig())
	if _, err := os.Stat(path); err == nil {
		if tr, err = joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), nil); err != nil {
			t.Fatal(err)
		}
	}
	saves := 0
	save := func() error {
		if saves++; saves != last {
			return tr.Save(path)
		}
		fmt.Println(killedLine)
		for {
			if err := tr.Save(path); err != nil {
				return err
			}
		}
	}
	joule.FitTiny(t, tr, joule.Callback{
		Step:  func(joule.StepInfo) error { return save() },
		Epoch: func(joule.EpochInfo) error { return save() },
	})
}

// trainAndKill starts that process, and kills it when it says that it saves.
func trainAndKill(t *testing.T, path string, save int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), killedPath+"="+path, fmt.Sprintf("%s=%d", killedSave, save))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, killed := "", false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said += lines.Text() + "\n"
		if lines.Text() == killedLine {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); killed != (save > 0) || !killed && err != nil {
		t.Fatalf("killed: %v; %v: %s", killed, err, said)
	}
}
