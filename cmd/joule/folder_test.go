package main

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// pictures writes n pictures, of a bright bar each, to a folder:
// pictures folder 40 16x12 colour png.
func pictures(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: pictures folder n WIDTHxHEIGHT gray|colour png|jpeg|gif")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ws, hs, _ := strings.Cut(args[2], "x")
	w, err := strconv.Atoi(ws)
	ts.Check(err)
	h, err := strconv.Atoi(hs)
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	for i := range n {
		m, err := os.Create(filepath.Join(dir, "picture"+strconv.Itoa(i)+"."+args[4]))
		ts.Check(err)
		picture := bar(w, h, i, args[3] == "gray")
		switch args[4] {
		case "png":
			err = png.Encode(m, picture)
		case "jpeg":
			err = jpeg.Encode(m, picture, nil)
		case "gif":
			err = gif.Encode(m, picture, nil)
		default:
			ts.Fatalf("unknown format %q", args[4])
		}
		ts.Check(err)
		ts.Check(m.Close())
	}
}

// damage changes the last byte of every file in a folder and those within.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage folder")
	}
	n := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)-1] ^= 1
		n++
		return os.WriteFile(path, b, 0o666)
	}))
	if n == 0 {
		ts.Fatalf("no files in %s", args[0])
	}
}

// bar is a bright bar on black, at a place and of a colour that follow from i.
func bar(w, h, i int, gray bool) image.Image {
	shade := byte(200 + i%56)
	if gray {
		m := image.NewGray(image.Rect(0, 0, w, h))
		for y := 2; y < h-2; y++ {
			m.SetGray(2+(w/2+i)%(w-4), y, color.Gray{Y: shade})
		}
		return m
	}
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for p := 3; p < len(m.Pix); p += 4 {
		m.Pix[p] = 255
	}
	for y := 2; y < h-2; y++ {
		m.SetNRGBA(2+(w/2+i)%(w-4), y, color.NRGBA{R: shade, G: byte(i * 16), B: 255 - shade, A: 255})
	}
	return m
}

func TestRunName(t *testing.T) {
	for data, want := range map[string]string{
		"mnist": "mnist", "./photos": "photos", "/a/b/my photos/": "my photos", "/a/.hidden": "hidden", "/a/x..": "x",
		"/": "images", "/a/version_3": "images-version_3", "/a/what?": "what", "/a/a?b": "a-b", "/a/été": "été", "/a/\xff": "images",
		"/mvtec/bottle/train/good": "bottle-train-good", "/a/Train": "a-Train", "/train": "train", "/birds/0": "birds-0", "/good/good": "good-good",
		"/a/-": "images", "/" + strings.Repeat("é", 80): strings.Repeat("é", 50),
	} {
		if got := runName(data); got != want {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
}

func TestSizeFlag(t *testing.T) {
	for value, want := range map[string]string{
		"28x20": "image.width=28 image.height=20", "28X20": "image.width=28 image.height=20", "32": "image.width=32 image.height=32",
		"": "", "x": "", "28x": "", "0x5": "", "28x28x28": "", "-3": "", "129": "", "9999999999999999999": "",
	} {
		var list []override
		err := (&sizeFlag{&list}).Set(value)
		var got []string
		for _, o := range list {
			got = append(got, o.assignment)
		}
		if strings.Join(got, " ") != want || (err == nil) != (want != "") {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
}

// secret checks that no file below a folder, the settings of runs apart, holds a
// text: secret text folder.
func secret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: secret text folder")
	}
	n := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "config.yaml" {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(args[0])) || strings.Contains(d.Name(), args[0]) {
			ts.Fatalf("%s holds %q", path, args[0])
		}
		return err
	}))
	if n == 0 {
		ts.Fatalf("no files")
	}
}
