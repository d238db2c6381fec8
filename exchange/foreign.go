package exchange

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/exchange/internal/torchfile"
	"github.com/joule-ml/joule/internal/regular"
)

const hintWeights = "give weights that PyTorch saved: a .safetensors, .ckpt, .pt or .pth file"

// look tells by its first bytes whether torch.save wrote the file at path, or
// else it may be of safetensors. What is neither is an error that says what it
// is.
func look(path string) (torch bool, err error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return false, fmt.Errorf("exchange: %w", err)
	case st.IsDir():
		return false, &Error{Fault: "is a folder", Hint: inFolder(path)}
	}
	f, err := regular.Open(path)
	if err != nil {
		return false, fmt.Errorf("exchange: %w", err)
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, checkpoint.HeadSize))
	if err != nil {
		return false, fmt.Errorf("exchange: %w", err)
	}
	if torchfile.Sniff(head) {
		return true, nil
	}
	if checkpoint.Sniff(head) {
		return false, nil
	}
	what, remedy := checkpoint.Recognize(head)
	return false, &Error{Fault: "is no file of weights but " + cmp.Or(what, "of an unknown kind"), Hint: cmp.Or(remedy, hintWeights)}
}

// inFolder says which files in a folder may be weights.
func inFolder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return hintWeights
	}
	defer f.Close()
	entries, _ := f.ReadDir(1000) // as many as are enough to find one
	var names []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".safetensors", ".ckpt", ".pt", ".pth", ".bin":
			names = append(names, quoted(filepath.Join(path, e.Name())))
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return hintWeights + "; the folder has none"
	}
	return "give the file of weights in it: " + strings.Join(names[:min(len(names), 3)], " or ")
}
