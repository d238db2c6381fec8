package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/picture"
)

// What joule sample --format writes.
const (
	formatPNG = "png"
	formatNPY = "npy"
	formatDir = "dir"
)

// outputs lists the files that the flags name. /dev/stdout becomes -.
func (f *sampleFlags) outputs() []output {
	if isStdout(f.out) {
		f.out = "-"
	}
	list := []output{{"-o", f.out, f.format == formatDir}}
	for _, o := range []output{{"--filmstrip", f.filmstrip, false}, {"--gif", f.gif, false}, {"--apng", f.apng, false}} {
		if o.path != "" {
			list = append(list, o)
		}
	}
	return list
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
		if err := a.put(f.gif, func(w io.Writer) error { return picture.WriteGIF(w, m, cfg, s, film) }); err != nil {
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
	return atomicfile.WriteFolder(f.out, func(dir string) error {
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
