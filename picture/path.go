package picture

import (
	"os"
	"path/filepath"
	"strings"
)

// forOthers is the path of a model as it stands in pictures, which are made to be
// handed on: seen from the working folder where the model is in it, and else no
// more than the name of the run and what is below, or the file's name.
func forOthers(path string) string {
	if path == "" {
		return ""
	}
	file := filepath.FromSlash(path)
	work, err := os.Getwd()
	if err == nil && filepath.Dir(work) != work { // seen from the root, all of a path would stay
		if filepath.IsAbs(file) {
			if within, err := filepath.Rel(work, file); err == nil {
				file = within
			}
		}
		if file = filepath.Clean(file); filepath.IsLocal(file) {
			return filepath.ToSlash(file)
		}
	}
	parts := strings.Split(filepath.ToSlash(file), "/")
	for i := len(parts) - 2; i > 0; i-- {
		if strings.HasPrefix(parts[i], "version_") {
			return strings.Join(parts[i-1:], "/")
		}
	}
	return parts[len(parts)-1]
}
