package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
)

// orSpare says, where err is that a run's checkpoint at path is damaged, which
// other one of the run is good.
func (f *trainFlags) orSpare(path string, err error) error {
	var damaged *checkpoint.Error
	if !errors.As(err, &damaged) || damaged.Path != path || filepath.Base(filepath.Dir(path)) != "checkpoints" {
		return err
	}
	if _, again := checkpoint.Read(path); again == nil {
		return err // it is the images or the settings that do not fit
	}
	if spare, epochs := spareOf(path); spare != "" {
		damaged.Hint = fmt.Sprintf("%s is good, of epoch %d: go on from there with %s", printable(filepath.Base(spare)), epochs, resumeCommand(f, spare))
	}
	return err
}

// spareOf returns the newest other checkpoint beside one that training can go on
// from, and how many epochs were done; "" where there is none.
func spareOf(path string) (spare string, epochs int) {
	entries, _ := os.ReadDir(filepath.Dir(path))
	var others []fs.FileInfo
	for _, e := range entries {
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() && st.Name() != filepath.Base(path) && filepath.Ext(st.Name()) == ".safetensors" {
			others = append(others, st)
		}
	}
	slices.SortStableFunc(others, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, st := range others {
		p := filepath.Join(filepath.Dir(path), st.Name())
		if _, err := joule.ReadCheckpointConfig(p); err != nil {
			continue // a model, which checkpoint.top_k keeps
		}
		if at, err := joule.ReadProgress(p); err == nil {
			if _, err := checkpoint.Read(p); err == nil {
				return p, at.Epochs
			}
		}
	}
	return "", 0
}
