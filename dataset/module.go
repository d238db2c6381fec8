package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A module is a Go module that happens to hold a data set. Whoever builds Go
// programs reaches a module proxy, even where the mirrors are out of reach.
type module struct {
	path, version string
	sum           string // as in go.sum
	folder        string // of the files in it
}

func (m *module) String() string { return m.path + "@" + m.version }

// fetched is what became of a module.
type fetched struct {
	dir string
	err error
}

// unpack gets the file from the module into path.
func (f *finder) unpack(ctx context.Context, file *file, path string) error {
	m := f.spec.module
	if f.module == nil {
		f.report(Event{File: file.name, Source: m.String()})
		dir, err := m.download(ctx, f.goTool, f.limits.module)
		f.module = &fetched{dir, err}
	}
	if f.module.err != nil {
		return f.module.err
	}
	from := filepath.Join(f.module.dir, m.folder, file.gz())
	r, err := openFile(from)
	if err != nil {
		return err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	return f.store(file, path, m.String(), r, st.Size())
}

// download has the go command fetch the module and returns the folder that
// holds it. It runs in a folder of its own, where no go.mod, go.work or vendor
// folder can have a say or be changed.
func (m *module) download(ctx context.Context, goTool string, limit time.Duration) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("dataset: go module %s: %w", m, err)
	}
	tool, err := exec.LookPath(goTool)
	if err != nil {
		return fail(errors.New("there is no go command to fetch it"))
	}
	temp, err := os.MkdirTemp("", "joule-module-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("took longer than %v", limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "mod", "download", "-json", m.String())
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), "GO111MODULE=on", "GOWORK=off", "PWD="+temp)
	cmd.WaitDelay = 5 * time.Second // a git that go started may hold its pipes open
	out, runErr := cmd.Output()
	if cause := context.Cause(ctx); cause != nil {
		return fail(cause)
	}
	// The go command reports what went wrong with a module in its JSON, and
	// what went wrong before that on its standard error.
	var got struct{ Dir, Sum, Error string }
	jsonErr := json.Unmarshal(out, &got)
	switch {
	case got.Error != "":
		return fail(errors.New(oneLine(got.Error)))
	case runErr != nil:
		var exit *exec.ExitError
		if errors.As(runErr, &exit) && len(exit.Stderr) > 0 {
			runErr = errors.New(oneLine(string(exit.Stderr)))
		}
		return fail(runErr)
	case jsonErr != nil:
		return fail(fmt.Errorf("the go command's answer: %w", jsonErr))
	case got.Sum != m.sum:
		return fail(fmt.Errorf("its sum is %s, not %s", got.Sum, m.sum))
	case !filepath.IsAbs(got.Dir):
		return fail(fmt.Errorf("the go command names no folder of it"))
	}
	return got.Dir, nil
}

// oneLine fits what a command printed into an error message.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + " …"
	}
	return s
}
