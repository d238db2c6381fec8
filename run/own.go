package run

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/weights"
)

// Marker is the name of a file that Create writes into the folder of a run. Its
// first line is [MarkerLine], by which the folder is known to be Joule's.
const (
	Marker     = ".joule-run"
	MarkerLine = "folder of a training run of Joule"
)

// mark writes the marker.
func (r *Run) mark() error {
	return atomicfile.Write(filepath.Join(r.Dir, Marker), func(w io.Writer) error {
		_, err := io.WriteString(w, MarkerLine+"\n\njoule runs rm removes what Joule wrote here, and this file last.\n")
		return err
	})
}

// marked tells whether the marker is there.
func (r *Run) marked() bool { return begins(filepath.Join(r.Dir, Marker), MarkerLine+"\n") }

// begins tells whether the regular file at path begins with a text.
func begins(path, text string) bool {
	f, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, len(text))
	_, err = io.ReadFull(f, b)
	return err == nil && string(b) == text
}

// ours tells whether the folder is sure to be Joule's: by its marker, or, of
// earlier versions, by a file that only Joule writes. Other programs have folders
// of such names with files of such names.
func (r *Run) ours() bool {
	if r.marked() {
		return true
	}
	for _, path := range []string{r.ModelPath(), r.CheckpointPath("last"), r.CheckpointPath("best")} {
		if checkRegular(path) != nil {
			continue
		}
		if h, err := checkpoint.ReadHeader(path); err == nil && h.Metadata[weights.MetaFormat] == weights.Format {
			return true
		}
	}
	if begins(r.MetricsPath(), "epoch,step,") && checkRegular(r.ConfigPath()) == nil {
		st, err := os.Stat(r.ConfigPath())
		if _, bad := r.Settings(); err == nil && st.Size() > 0 && bad == nil {
			return true
		}
	}
	return r.bare()
}

// bare tells whether the folder has both folders of a new run and nothing
// that a run does not have: it was never trained in, or all is damaged.
func (r *Run) bare() bool {
	for _, path := range []string{r.CheckpointPath("last"), r.SamplesPath(0)} {
		if st, err := os.Lstat(filepath.Dir(path)); err != nil || !st.IsDir() {
			return false
		}
	}
	files, _, err := r.Files()
	return err == nil && !slices.ContainsFunc(files, func(f File) bool { return !f.Own })
}

// ownFiles are the names of what Joule writes into the folder of a run.
var ownFiles = regexp.MustCompile(`^(config\.yaml|metrics\.(csv|jsonl)|curves\.png|model\.safetensors|(guard|notes)\.log|skipped\.txt|\.lock|\.joule-run` +
	`|metrics\.damaged-[0-9]+\.(csv|jsonl)|events\.damaged-[0-9]+|events\.out\.tfevents\.[^/]+` +
	`|checkpoints/(last|best|epoch=[0-9]+)\.safetensors|samples/[a-z]+=[0-9]+\.png|report/(report\.(html|json)|samples\.png))$`)

// own tells whether Joule writes a file of this name, relative to the run's folder
// and with slashes, or a temporary one for it.
func own(name string) bool {
	dir, base := path.Split(name)
	if hidden, ok := strings.CutPrefix(base, "."); ok {
		if of, _, temporary := strings.Cut(hidden, ".tmp-"); temporary {
			base = of
		}
	}
	return ownFiles.MatchString(dir + base)
}

// Own tells whether the file at path is one that Joule writes while it trains, in
// the folder of a run: not a place for what else is written. Links are not followed.
func Own(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	dir, name := filepath.Dir(abs), filepath.Base(abs)
	if sub := filepath.Base(dir); sub == "checkpoints" || sub == "samples" {
		dir, name = filepath.Dir(dir), sub+"/"+name
	}
	return own(name) && (&Run{Dir: dir}).ours()
}

// A File is a file of a run.
type File struct {
	Path string // relative to the run's folder, with slashes
	Size int64  // in bytes, 0 for what is no regular file
	// Link is set for symbolic links, which are not followed.
	Link bool
	// Own is set for what Joule wrote, by its name. Other files stay when the
	// run is removed.
	Own bool
}

// maxFiles bounds the files that a run is thought to have.
const maxFiles = 100_000

// Files lists the files of the run, without following symbolic links, and
// their size altogether.
func (r *Run) Files() (files []File, size int64, err error) {
	err = fs.WalkDir(os.DirFS(r.Dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if len(files) == maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		f := File{Path: path, Link: d.Type()&fs.ModeSymlink != 0, Own: own(path)}
		if st, err := d.Info(); err == nil && st.Mode().IsRegular() {
			f.Size = st.Size()
		}
		files, size = append(files, f), size+f.Size
		return nil
	})
	if err != nil {
		return nil, 0, &Error{Path: r.Dir, Fault: "cannot be listed", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
	}
	return files, size, nil
}
