package lockfile

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestHolder is the other process of TestTake, not a test of its own.
func TestHolder(t *testing.T) {
	path := os.Getenv("LOCK_HOLDER")
	if path == "" {
		t.Skip("only run by TestTake")
	}
	if _, held, err := Take(path); held || err != nil {
		t.Fatal(held, err)
	}
	os.Stdout.WriteString("locked\n")
	io.Copy(io.Discard, os.Stdin) // until it is killed
}

func TestTake(t *testing.T) {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("no locks here")
	}
	path := filepath.Join(t.TempDir(), ".lock")
	release, held, err := Take(path)
	if held || err != nil {
		t.Fatal(held, err)
	}
	if _, held, err := Take(path); !held || err != nil {
		t.Fatalf("taken twice: %v, %v", held, err)
	}
	release()

	// A killed process leaves nothing that blocks.
	other := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	other.Env = append(os.Environ(), "LOCK_HOLDER="+path)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line := make([]byte, 7); true {
		if _, err := out.Read(line); err != nil || string(line) != "locked\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if _, held, err := Take(path); !held || err != nil {
		t.Errorf("not held by the other process: %v, %v", held, err)
	}
	other.Process.Kill()
	other.Wait()
	release, held, err = Take(path)
	if held || err != nil {
		t.Fatalf("after the other was killed: %v, %v", held, err)
	}
	release()
}

// TestHeld: who asks makes no file and does not keep a training out.
func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	if Held(path) {
		t.Error("a lock without a file")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("asking made the file")
	}
	release, held, err := Take(path)
	if held || err != nil {
		t.Fatal(held, err)
	}
	release()
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 2000 {
			Held(path)
		}
	}()
	for asked := false; !asked; {
		select {
		case <-done:
			asked = true
		default:
		}
		release, held, err := Take(path)
		if held || err != nil {
			t.Fatalf("turned away: %v, %v", held, err)
		}
		release()
	}
	<-done
}
