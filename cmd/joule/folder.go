package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/run"
)

// A sizeFlag is --size WIDTHxHEIGHT, two keys of the configuration at once.
type sizeFlag struct{ list *[]override }

func (f *sizeFlag) Set(value string) error {
	width, height, both := strings.Cut(strings.ToLower(value), "x")
	if !both {
		height = width
	}
	for _, side := range []string{width, height} {
		if n, err := strconv.Atoi(side); err != nil || n < 1 || n > dataset.MaxSide {
			return fmt.Errorf("want WIDTHxHEIGHT, 1 to %d each, such as 28x28", dataset.MaxSide)
		}
	}
	*f.list = append(*f.list, override{"--size", "image.width=" + width}, override{"--size", "image.height=" + height})
	return nil
}

func (f *sizeFlag) String() string { return "" }
func (f *sizeFlag) Type() string   { return "WIDTHxHEIGHT" }

// A skipped file of a folder is one that was passed over, and why.
type skippedFile struct {
	path string
	err  error
}

// reading shows how reading a folder goes and collects what is passed over.
func (a *app) reading(skipped *[]skippedFile) func(dataset.FolderEvent) {
	return func(e dataset.FolderEvent) {
		switch {
		case e.Cache:
			a.screen.line("%s: %s; reading the pictures themselves", e.Path, oneLine(e.Err.Error()))
		case e.Err != nil:
			*skipped = append(*skipped, skippedFile{e.Path, e.Err})
		case e.Total > 0 && a.screen.live && a.screen.due():
			a.screen.show([]string{"reading pictures", fmt.Sprintf("%s of %s", thousands(int64(e.Done)), thousands(int64(e.Total)))}, nil)
		}
	}
}

// tellSkipped names the first files that were passed over, and how many there
// are.
func (a *app) tellSkipped(skipped []skippedFile, what string) {
	const most = 5
	for _, s := range skipped[:min(most, len(skipped))] {
		a.screen.line("%s: %s", printable(s.path), oneLine(s.err.Error()))
	}
	if n := len(skipped); n > most {
		a.screen.line("… and %s more", thousands(int64(n-most)))
	}
	if len(skipped) > 0 {
		a.screen.line("%s %s", plural(len(skipped), "file"), what)
	}
}

// skippedName is the file of a run's folder that lists what was passed over.
const skippedName = "skipped.txt"

// keepSkipped writes the list of what was passed over into the run's folder.
func keepSkipped(folder *run.Run, skipped []skippedFile) error {
	if len(skipped) == 0 {
		return nil
	}
	path := filepath.Join(folder.Dir, skippedName)
	return atomicfile.Write(path, func(w io.Writer) error {
		for _, s := range skipped {
			if _, err := fmt.Fprintf(w, "%s: %s\n", printable(s.path), oneLine(s.err.Error())); err != nil {
				return err
			}
		}
		return nil
	})
}

// load opens the data, showing how that goes, whose data it is if it was
// downloaded, and what a folder comes to. A folder's size becomes a setting of
// the run.
func (a *app) load(ctx context.Context, cfg *joule.Config, f *trainFlags) (train, val *dataset.Set, skipped []skippedFile, err error) {
	fetched := false
	opt := f.data.options(a.fetching(&fetched))
	opt.Shape, opt.Folder = cfg.Image.Shape(), a.reading(&skipped)
	train, val, err = a.open(ctx, cfg.Data, opt)
	a.screen.clear()
	if err != nil {
		return nil, nil, nil, err
	}
	if fetched {
		a.notice(cfg.Data)
	}
	if dataset.IsPath(cfg.Data) {
		cfg.Image = joule.ImageConfig{Height: train.H, Width: train.W, Channels: train.C}
		a.tellSkipped(skipped, "passed over")
		a.screen.line("%s: %s", printable(cfg.Data), folderText(train, val))
	}
	return train, val, skipped, nil
}

// folderText says what a folder comes to.
func folderText(train, val *dataset.Set) string {
	colour := "colour"
	if train.C == 1 {
		colour = "gray"
	}
	text := fmt.Sprintf("%s to train on and %s held out, %d×%d in %s", plural(train.N, "image"), thousands(int64(val.N)), train.W, train.H, colour)
	if n := len(train.Classes); n > 0 {
		text += ", classes: " + strconv.Itoa(n)
	}
	return text
}

// runName is the name of a run on a data set where none is given: its name,
// or that of the folder without what run names cannot have.
func runName(data string) string {
	if !dataset.IsPath(data) {
		return data
	}
	full, err := filepath.Abs(data)
	if err != nil {
		full = data
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(filepath.Base(full), "-"))
	for len(name) > 100 {
		name = name[:len(name)-1]
	}
	name = strings.ToValidUTF8(name, "") // where a character was cut in two
	if name = strings.Trim(name, ".- "); name == "" || strings.HasPrefix(name, "version_") {
		return strings.TrimSuffix("images-"+name, "-")
	}
	return name
}

// verifyFolder reads all pictures of a folder and lists those that cannot be
// read.
func (a *app) verifyFolder(ctx context.Context, dir string, opt dataset.Options) error {
	var bad []skippedFile
	opt.Folder = a.reading(&bad)
	n, err := dataset.VerifyFolder(ctx, dir, opt)
	a.screen.clear()
	if err != nil {
		return err
	}
	for _, s := range bad {
		if _, err := fmt.Fprintf(a.stdout, "%s: %s\n", printable(s.path), oneLine(s.err.Error())); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(a.stdout, "%s: %s can be read, %s cannot\n", printable(dir), plural(n, "picture"), plural(len(bad), "file")); err != nil {
		return err
	}
	if len(bad) > 0 {
		return &dataset.Error{File: dir, What: plural(len(bad), "file") + " cannot be read", Hint: "remove or mend them; training goes on without them unless they are more than half"}
	}
	return nil
}

// verifyFolders is what joule data verify does with the paths among its
// arguments. It returns the names that are left.
func (a *app) verifyFolders(ctx context.Context, args []string, opt dataset.Options) (names []string, err error) {
	var faults []error
	for _, arg := range args {
		if !dataset.IsPath(arg) {
			names = append(names, arg)
			continue
		}
		if err := a.verifyFolder(ctx, arg, opt); err != nil {
			faults = append(faults, err)
		}
	}
	return names, errors.Join(faults...)
}
