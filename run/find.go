package run

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule"
)

// FindHash returns the model of the given [joule.Model.Hash] and the file that
// holds it. path is a model's file, which then must be it; the folder of a run,
// whose model and checkpoints are looked through; or a folder of several runs.
// In folders, files that cannot be read are passed over. Where there is no such
// model, the error is an [*Error].
func FindHash(path, hash string) (*joule.Model, string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, "", &Error{Path: path, Fault: "cannot be opened", Err: err, Hint: "give a model's file, or the folder of a run"}
	}
	if !st.IsDir() {
		m, err := joule.LoadModel(path)
		if err != nil {
			return nil, "", err
		}
		if got := m.Hash(); got != hash {
			return nil, "", &Error{Path: path, Fault: fmt.Sprintf("is another model: its hash is %s, not %.64q", got, hash), Hint: "give the model of this hash, or the folder of its run"}
		}
		return m, path, nil
	}
	runs := []*Run{{Dir: filepath.Clean(path)}}
	if !runs[0].is() {
		if runs, err = under(path); err != nil {
			return nil, "", err
		}
	}
	seen := 0
	for _, r := range runs {
		for _, file := range []string{r.ModelPath(), r.CheckpointPath("last"), r.CheckpointPath("best")} {
			if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() {
				continue
			}
			m, err := joule.LoadModel(file)
			if err != nil {
				continue
			}
			if seen++; m.Hash() == hash {
				return m, file, nil
			}
		}
	}
	return nil, "", &Error{Path: path, Fault: fmt.Sprintf("none of %d models and checkpoints here has the hash %.64q", seen, hash), Hint: "give the model, or the folder of its run"}
}
