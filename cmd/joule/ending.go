package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// endings are those of file names that say a format.
var endings = map[string]string{
	".png": "PNG", ".apng": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".gif": "GIF", ".webp": "WebP",
	".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".avif": "AVIF", ".heic": "HEIC", ".svg": "SVG", ".pdf": "PDF", ".eps": "PostScript",
	".mp4": "MP4", ".webm": "WebM", ".npy": "NumPy", ".npz": "NumPy's archives", ".csv": "CSV", ".json": "JSON", ".html": "HTML",
	".safetensors": "safetensors", ".onnx": "ONNX", ".pt": "PyTorch", ".pth": "PyTorch", ".ckpt": "PyTorch", ".zip": "ZIP",
}

// checkEnding refuses a name that says another format than that which is
// written into it. what is what is written, and of those that are allowed, the
// hint is to name one.
func checkEnding(flag, path, what, hint string, allowed ...string) error {
	ending := strings.ToLower(filepath.Ext(path))
	format, known := endings[ending]
	if !known || slices.Contains(allowed, ending) {
		return nil
	}
	return &usageError{fmt.Sprintf("%s: %s is named as %s, and %s is written", flag, path, format, what), hint}
}

// checkNames checks how the files that the flags name end.
func (f *sampleFlags) checkNames() error {
	const hint = "name a .png or .npy file, or give --format dir and a folder"
	var err error
	switch f.format {
	case formatPNG:
		err = checkEnding("-o", f.out, "a PNG", hint, ".png", ".apng")
	case formatNPY:
		err = checkEnding("-o", f.out, "a NumPy file", hint, ".npy")
	case formatDir:
		err = checkEnding("-o", f.out, "a folder", "name a folder")
	}
	if err == nil {
		err = checkEnding("--filmstrip", f.filmstrip, "a PNG", "name a .png file", ".png")
	}
	if err == nil {
		err = checkEnding("--gif", f.gif, "a GIF", "name a .gif file; --apng writes an animated PNG", ".gif")
	}
	if err == nil {
		err = checkEnding("--apng", f.apng, "an animated PNG", "name a .png or .apng file; --gif writes a GIF", ".png", ".apng")
	}
	return err
}
