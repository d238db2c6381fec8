package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/picture"
	"github.com/joule-ml/joule/pretrained"
	"github.com/joule-ml/joule/run"
	"github.com/spf13/pflag"
)

// checkReplay checks the flags beside --replay, which leaves little to ask
// for.
func (f *sampleFlags) checkReplay(flags *pflag.FlagSet) error {
	var err error
	flags.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "replay", "output", "threads", "run-dir", "no-draw", "help":
		default:
			err = &usageError{fmt.Sprintf("--%s has no place beside --replay", flag.Name), "the picture tells what to draw; leave out --" + flag.Name}
		}
	})
	if !flags.Changed("output") {
		f.out = "replay.png" // not samples.png, which may be the very picture
	}
	f.format = formatPNG
	return err
}

// replay makes a picture again.
func (a *app) replay(ctx context.Context, f *sampleFlags, args []string) error {
	v, err := replayable(f.replay)
	if err != nil {
		return err
	}
	outputs := f.outputs()
	if err := a.writable(outputs); err != nil {
		return err
	}
	if err := allApart(outputs, "the picture to make again", f.replay); err != nil {
		return err
	}
	m, path, err := a.modelOf(v, f, args)
	if err == nil {
		err = allApart(outputs, "the model itself", path)
	}
	if err == nil {
		err = f.checkNames()
	}
	if err != nil {
		return err
	}
	differences := v.Differences()
	if len(differences) > 0 {
		a.screen.line("note: bytes may differ: %s", clean(strings.Join(differences, "; ")))
	}
	cfg := v.Config()
	cfg.Threads = f.threads
	c, h, w := m.Shape()
	if _, err := v.Layout.Fit(cfg, c, h, w); err != nil {
		return inPicture(f.replay, err)
	}
	s, err := a.drawSamples(ctx, m, cfg, path)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := v.Write(&b, s); err != nil {
		return err
	}
	same := equalFile(f.replay, b.Bytes())
	err = a.put(f.out, func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	a.screen.line("%s", comparison(f.replay, same, len(differences) > 0))
	if !f.noDraw {
		a.sketch(s, cfg, f.out == "-")
	}
	return nil
}

// comparison says whether a picture was made again as it is at path.
func comparison(path string, same, expected bool) string {
	switch {
	case same:
		return "the same bytes as " + path
	case expected:
		return "not the same bytes as " + path
	}
	return "not the same bytes as " + path + ": somebody has edited it, or another build of this version made it"
}

// replayable reads from a picture how to make it again.
func replayable(path string) (*picture.Provenance, error) {
	p, err := readPNG(path)
	if err != nil {
		return nil, err
	}
	v, err := picture.Parse(p.text)
	switch {
	case err != nil:
		return nil, inPicture(path, err)
	case v.Layout.Kind == "":
		return nil, &pathError{path: path, fault: "does not show samples, or an older version made it", hint: "give a picture that joule sample or joule train made of samples"}
	}
	return v, nil
}

// modelOf finds the model that a picture shows: where it was, in the program, in
// the file, the run or the runs that are named, or under --run-dir.
func (a *app) modelOf(v *picture.Provenance, f *sampleFlags, args []string) (*joule.Model, string, error) {
	for _, file := range recorded(v, f.replay) {
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() {
			if m, path, err := run.FindHash(file, v.Model); err == nil {
				return m, path, nil
			}
		}
	}
	for _, p := range pretrained.Models() {
		if m := p.Load(); m.Hash() == v.Model {
			return m, modelRef{builtIn: p.Name}.String(), nil
		}
	}
	where := f.runDir
	if len(args) > 0 {
		where = args[0]
	}
	m, path, err := run.FindHash(where, v.Model)
	if e, ok := err.(*run.Error); ok {
		e.Hint = lostHint(v, f.replay)
	}
	return m, path, err
}

// recorded returns the files where the model may be by the picture's own word:
// the path as joule sample was given it, and that path seen from the picture,
// as in a run's folder. A picture may come from anybody: a file is only ever
// read as a model, and none on other machines.
func recorded(v *picture.Provenance, file string) []string {
	path := filepath.FromSlash(v.Path)
	if v.Path == "" || strings.HasPrefix(filepath.ToSlash(path), "//") {
		return nil
	}
	files := []string{path}
	if !filepath.IsAbs(path) {
		files = append(files, filepath.Join(filepath.Dir(file), path))
	}
	return files
}

// lostHint says what can be done where a model is not found.
func lostHint(v *picture.Provenance, file string) string {
	hint := "name its file or its run"
	if files := recorded(v, file); len(files) > 0 {
		at := files[0]
		if strings.HasPrefix(v.Path, "../") {
			at = files[1]
		}
		hint += "; it was at " + clean(at)
	}
	if v.Epochs > 0 {
		hint += ", after " + plural(v.Epochs, "epoch") + ": of a run's epochs only the last, and the last and best checkpoints, are kept"
	}
	return hint
}

// equalFile tells whether the file at path holds data.
func equalFile(path string, data []byte) bool {
	file, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	old, err := io.ReadAll(io.LimitReader(file, int64(len(data))+1))
	return err == nil && bytes.Equal(old, data)
}
