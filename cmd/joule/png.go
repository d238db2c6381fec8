package main

import (
	"errors"
	"image/png"
	"io"
	"strings"

	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/picture"
)

// A pngFile is what can be known of a PNG without its pixels.
type pngFile struct {
	path          string
	width, height int
	text          []grid.Text
}

// readPNG reads the header and the texts of a PNG.
func readPNG(path string) (*pngFile, error) {
	fail := func(fault string, err error) error {
		return &pathError{path: path, fault: fault, err: err, hint: "give a PNG file, such as joule sample writes"}
	}
	file, err := regular.Open(path)
	if err != nil {
		return nil, fail("cannot be read", err)
	}
	defer file.Close()
	p := &pngFile{path: path}
	config, err := png.DecodeConfig(file)
	if err == nil {
		p.width, p.height = config.Width, config.Height
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		p.text, err = grid.ReadText(file)
	}
	if err != nil {
		return nil, fail("is not a PNG file, or is damaged", err)
	}
	return p, nil
}

// ours tells whether any text is Joule's.
func (p *pngFile) ours() bool {
	for _, t := range p.text {
		if strings.HasPrefix(t.Key, "joule:") {
			return true
		}
	}
	return false
}

// inPicture puts the path into a fault that picture found.
func inPicture(path string, err error) error {
	var e *picture.Error
	if errors.As(err, &e) {
		return &pathError{path: path, fault: e.Fault, hint: e.Hint}
	}
	return err
}
