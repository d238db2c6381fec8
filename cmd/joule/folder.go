package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
)

// parseSize reads the width and height of images, 28x28, or 28 for both.
func parseSize(text string, most int) (width, height int, err error) {
	w, h, both := strings.Cut(strings.ReplaceAll(strings.ToLower(text), "×", "x"), "x")
	if !both {
		h = w
	}
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if errW != nil || errH != nil || min(width, height) < 1 || max(width, height) > most {
		return 0, 0, fmt.Errorf("want WIDTHxHEIGHT, 1 to %d each, such as 28x28", most)
	}
	return width, height, nil
}

// A sizeFlag is --size WIDTHxHEIGHT, two keys of the configuration at once.
type sizeFlag struct{ list *[]override }

func (f *sizeFlag) Set(value string) error {
	width, height, err := parseSize(value, dataset.MaxSide)
	if err != nil {
		return err
	}
	*f.list = append(*f.list, override{"--size", "image.width=" + strconv.Itoa(width)}, override{"--size", "image.height=" + strconv.Itoa(height)})
	return nil
}

func (f *sizeFlag) String() string { return "" }
func (f *sizeFlag) Type() string   { return "WIDTHxHEIGHT" }

// reading shows how reading a folder goes and how it was understood, and collects
// what is left out.
func (a *app) reading(dir string, left *[]leftFile) func(dataset.FolderEvent) {
	return func(e dataset.FolderEvent) {
		switch {
		case e.Cache:
			a.screen.line("%s: %s; reading the pictures themselves", e.Path, oneLine(e.Err.Error()))
		case e.Note != "":
			a.screen.clear()
			a.screen.line("%s: %s", printable(dir), e.Note)
		case e.Err != nil:
			*left = append(*left, leftFile{e.Path, e.Err, e.Kind})
		case e.Total > 0 && a.screen.live && a.screen.due():
			a.screen.show([]string{"reading pictures", fmt.Sprintf("%s of %s", thousands(int64(e.Done)), thousands(int64(e.Total)))}, nil)
		}
	}
}

// load opens the data, showing how that goes, whose data it is if it was
// downloaded, and what a folder comes to. A folder's size becomes a setting of
// the run.
func (a *app) load(ctx context.Context, cfg *joule.Config, f *trainFlags) (train, val *dataset.Set, left []leftFile, err error) {
	if err := dataset.CheckShape(cfg.Data, cfg.Image.Shape()); err != nil {
		return nil, nil, nil, &usageError{cfg.Data + ": " + err.What, err.Hint}
	}
	fetched := false
	opt := f.data.options(a.fetching(&fetched))
	opt.Shape, opt.Folder = cfg.Image.Shape(), a.reading(cfg.Data, &left)
	train, val, err = a.open(ctx, cfg.Data, opt)
	a.screen.clear()
	if a.tellLost(left); len(left) > 0 {
		a.screen.line("left out: %s; joule data verify %s lists them", leftText(left), quote(cfg.Data))
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if fetched {
		a.notice(cfg.Data)
	}
	if files, err := dataset.List(cfg.Data, opt); err == nil {
		a.tellDir(opt, cfg.Data, files)
	}
	if dataset.IsPath(cfg.Data) {
		cfg.Image = joule.ImageConfig{Height: train.H, Width: train.W, Channels: train.C}
		a.screen.line("%s: %s", printable(cfg.Data), folderText(train, val))
	}
	return train, val, left, nil
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

// runName is the name of a run on a data set where none is given: its name, or
// that of the folder, after those above it where the folder's own name says
// nothing, without what run names cannot have.
func runName(data string) string {
	if !dataset.IsPath(data) {
		return data
	}
	full, err := filepath.Abs(data)
	if err != nil {
		full = data
	}
	name := filepath.Base(full)
	for up := filepath.Dir(full); saysNothing(filepath.Base(full)) && up != filepath.Dir(up) && len(name) < 60; up = filepath.Dir(up) {
		full = up
		name = filepath.Base(up) + "-" + name
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(name, "-"))
	for len(name) > 100 {
		name = name[:len(name)-1]
	}
	name = strings.ToValidUTF8(name, "") // where a character was cut in two
	if name = strings.Trim(name, ".- "); name == "" || strings.HasPrefix(name, "version_") {
		return strings.TrimSuffix("images-"+name, "-")
	}
	return name
}

// saysNothing tells whether many folders of images have this name, such as the
// good ones of MVTec, or train. So do runs that are named after them.
func saysNothing(name string) bool {
	if strings.Trim(name, "0123456789") == "" {
		return true
	}
	switch strings.ToLower(name) {
	case "good", "ok", "normal", "raw", "all", "data", "dataset", "image", "images", "img", "imgs", "png", "jpg", "jpeg",
		"train", "training", "val", "valid", "validation", "test", "testing", "samples":
		return true
	}
	return false
}

// verifyFolder reads all pictures of a folder and lists what training would leave
// out.
func (a *app) verifyFolder(ctx context.Context, dir string, opt dataset.Options) error {
	var left []leftFile
	opt.Folder = a.reading(dir, &left)
	n, err := dataset.VerifyFolder(ctx, dir, opt)
	a.screen.clear()
	for _, f := range left {
		if _, err := fmt.Fprintln(a.out(), f); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	bad := len(lost(left))
	text := fmt.Sprintf("%s: %s can be read, %s", printable(dir), plural(n, "picture"), lostText(bad))
	if more := len(left) - bad; more > 0 {
		text += fmt.Sprintf(", and %s", plural(more, "other"))
	}
	if _, err := fmt.Fprintln(a.out(), text); err != nil {
		return err
	}
	if bad > 0 {
		return &dataset.Error{File: dir, What: lostText(bad) + ": " + leftText(lost(left)),
			Hint: "mend, rename or remove them, or save them as PNG; training goes on without them unless more than half cannot be read"}
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
