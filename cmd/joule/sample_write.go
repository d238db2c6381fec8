package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/picture"
	"golang.org/x/term"
)

// What joule sample --format writes.
const (
	formatPNG = "png"
	formatNPY = "npy"
	formatDir = "dir"
)

// An output is a file that a flag names.
type output struct {
	flag, path string
	dir        bool // a folder, which must be new
}

func (f *sampleFlags) outputs() []output {
	list := []output{{"-o", f.out, f.format == formatDir}}
	for _, o := range []output{{"--filmstrip", f.filmstrip, false}, {"--gif", f.gif, false}, {"--apng", f.apng, false}} {
		if o.path != "" {
			list = append(list, o)
		}
	}
	return list
}

// writable finds out before the work whether the outputs can be written.
func (a *app) writable(outputs []output) error {
	names := map[string]string{}
	for _, o := range outputs {
		if o.path == "" {
			return &usageError{o.flag + ": no file name", "name a file, or - for standard output"}
		}
		if o.path == "-" {
			if o.flag != "-o" {
				return &usageError{o.flag + " -: only -o can go to standard output", "name a file"}
			}
			if out, ok := a.stdout.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
				return &usageError{"-o -: standard output is a terminal", "send it to a file or a program"}
			}
			continue
		}
		name := filepath.Clean(o.path)
		if other, taken := names[name]; taken {
			return &usageError{fmt.Sprintf("%s and %s both write %s", other, o.flag, o.path), "give each a file of its own"}
		}
		names[name] = o.flag
		if err := o.writable(); err != nil {
			return err
		}
	}
	return nil
}

// writable finds out before the work whether the file that -o names can be
// written.
func writable(path string) error { return output{flag: "-o", path: path}.writable() }

func (o output) writable() error {
	dir := filepath.Dir(filepath.Clean(o.path))
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return &usageError{fmt.Sprintf("%s: there is no folder %s", o.flag, dir), "create it first"}
	}
	switch st, err := os.Stat(o.path); {
	case err != nil:
	case o.dir && !st.IsDir():
		return &usageError{fmt.Sprintf("%s: %s is a file", o.flag, o.path), "name a new folder"}
	case o.dir:
		if entries, err := os.ReadDir(o.path); err != nil || len(entries) > 0 {
			return &usageError{fmt.Sprintf("%s: the folder %s is there and not empty", o.flag, o.path), "name a new folder, or remove that one"}
		}
	case st.IsDir():
		return &usageError{fmt.Sprintf("%s: %s is a folder", o.flag, o.path), "name a file in it"}
	}
	probe, err := os.CreateTemp(dir, ".joule-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", o.path, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// write writes everything that the flags ask for. The plan says which pictures
// on the way cfg and s have.
func (a *app) write(f *sampleFlags, p plan, m *joule.Model, cfg joule.SampleConfig, s *joule.Samples) error {
	var err error
	switch f.format {
	case formatPNG:
		err = a.put(f.out, func(w io.Writer) error { return picture.Write(w, m, cfg, s, f.layout(picture.Grid)) })
	case formatNPY:
		err = a.put(f.out, func(w io.Writer) error { return grid.EncodeNPY(w, s.Images, s.N, s.C, s.H, s.W) })
	case formatDir:
		if err = writeFolder(f, m, cfg, s); err == nil {
			a.screen.line("wrote %s with energies.csv and %s", f.out, plural(s.N, "picture"))
		}
	}
	if err != nil {
		return err
	}
	if f.filmstrip != "" {
		cfg, s := thin(cfg, s, p.strip)
		err := a.put(f.filmstrip, func(w io.Writer) error {
			return picture.Write(w, m, cfg, s, f.layout(picture.Filmstrip))
		})
		if err != nil {
			return err
		}
	}
	if p.film == 0 {
		return nil
	}
	cfg, s = thin(cfg, s, p.film)
	film := f.layout(picture.Animation)
	if f.gif != "" {
		if err := a.put(f.gif, func(w io.Writer) error { return picture.WriteGIF(w, cfg, s, film) }); err != nil {
			return err
		}
	}
	if f.apng != "" {
		return a.put(f.apng, func(w io.Writer) error { return picture.Write(w, m, cfg, s, film) })
	}
	return nil
}

// put writes a file, or to standard output.
func (a *app) put(path string, write func(w io.Writer) error) error {
	if path == "-" {
		return write(a.stdout)
	}
	if err := atomicfile.Write(path, write); err != nil {
		return err
	}
	a.screen.line("wrote %s", path)
	return nil
}

// writeFolder writes a folder of pictures and their energies, which appears
// whole. Its files are not synced one by one, as there may be thousands and they
// can be drawn again.
func writeFolder(f *sampleFlags, m *joule.Model, cfg joule.SampleConfig, s *joule.Samples) error {
	if err := os.Remove(f.out); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder
		return atomicfile.Wrap(f.out, err)
	}
	return atomicfile.WriteFolder(filepath.Clean(f.out), func(dir string) error {
		digits := max(len(strconv.Itoa(s.N-1)), 3)
		layout := f.layout(picture.Image)
		for i := range s.N {
			layout.Index = i
			if err := create(filepath.Join(dir, imageName(i, digits)), func(w io.Writer) error {
				return picture.Write(w, m, cfg, s, layout)
			}); err != nil {
				return err
			}
		}
		return create(filepath.Join(dir, "energies.csv"), func(w io.Writer) error {
			return writeEnergies(w, m.Card(), s, digits)
		})
	})
}

// imageName is the name of an image's file in a folder: 000.png.
func imageName(i, digits int) string { return fmt.Sprintf("%0*d.png", digits, i) }

// create writes a new file.
func create(path string, write func(w io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// writeEnergies writes a row for each image: its number, its file, its energy
// and, where the model's card tells, the share of held-out images whose energy
// is lower.
func writeEnergies(w io.Writer, card *joule.Card, s *joule.Samples, digits int) error {
	c := csv.NewWriter(w)
	header := []string{"image", "file", "energy"}
	_, ranked := card.Rank(0)
	if ranked {
		header = append(header, "rank")
	}
	c.Write(header)
	for i, e := range s.Energy {
		row := []string{strconv.Itoa(i), imageName(i, digits), strconv.FormatFloat(float64(e), 'g', -1, 32)}
		if ranked {
			rank, _ := card.Rank(e)
			row = append(row, strconv.FormatFloat(rank, 'f', 4, 64))
		}
		c.Write(row)
	}
	c.Flush()
	return c.Error()
}
