// Package python finds Python for tests, which compare what Joule reads, writes
// and computes with others. Start with Need.
package python

import (
	"os"
	"os/exec"
	"sync"
	"testing"
)

// Required is the environment variable that makes tests fail, instead of being
// skipped, where Python lacks something. CI sets it to 1.
const Required = "PYTHON_REQUIRED"

var (
	mu    sync.Mutex
	found = map[string]string{} // what Python said of each check, "" where all is there
)

// Need returns the path of a Python for which a check, such as "import numpy",
// passes. Otherwise it skips the test, as it does all short tests: no other
// kernel and no race changes what Python says.
func Need(t testing.TB, check string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("Python is not asked in short tests")
	}
	skip := t.Skipf
	if os.Getenv(Required) != "" {
		skip = t.Fatalf
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		skip("python3 is not installed")
	}
	mu.Lock()
	defer mu.Unlock()
	said, asked := found[check]
	if !asked {
		if out, err := exec.Command(path, "-c", check).CombinedOutput(); err != nil {
			said = err.Error() + "\n" + string(out)
		}
		found[check] = said
	}
	if said != "" {
		skip("Python lacks something: %s: %s", check, said)
	}
	return path
}
