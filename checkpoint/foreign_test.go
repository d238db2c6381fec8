package checkpoint

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// foreign are how files of other kinds begin, and what is said of them.
var foreign = []struct{ head, what, remedy string }{
	{"", "an empty file", "download it again"},
	{strings.Repeat("\x00", 100), "a file of zeros", "download it again"},
	{"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a pointer of Git LFS", "git lfs pull"},
	{"\n <!DOCTYPE html><html>", "a web page (HTML)", "the link led to a page"},
	{"\xef\xbb\xbf<HTML>", "a web page (HTML)", "the link led to a page"},
	{"<?xml version=\"1.0\"?><Error/>", "an XML document", "the link led to a page"},
	{`{"error":"Repository not found"}`, "a JSON document", "may lie beside it"},
	{"epochs: 1\nname: “a”\n", "a text file", ""},
	{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "compressed with gzip", "unpack it first"},
	{"\xfd7zXZ\x00\x00\x04\xe6\xd6", "compressed with xz", "unpack it first"},
	{"\x28\xb5\x2f\xfd\x04\x00\x00\x00\x00", "compressed with zstd", "unpack it first"},
	{"BZh91AY&SY", "compressed with bzip2", "unpack it first"},
	{"model.ckpt" + strings.Repeat("\x00", 247) + "ustar\x0000", "a tar archive", "unpack it first"},
	{"storages" + strings.Repeat("\x00", 249) + "ustar\x0000", "torch.save wrote before 2017", "weights_only=False"},
	{"PK\x03\x04\x14\x00\x00\x00\x08\x00 dir/weights.ckpt", "a zip archive", "unpack it first"},
	{"PK\x03\x04\x00\x00\x08\x08\x00\x00 m/data.pkl", "a file that torch.save wrote", "joule import FILE"},
	{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "a file that torch.save wrote", "joule import FILE"},
	{"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00}.", "a Python pickle that torch.save did not write", "torch.save(model.state_dict()"},
	{"\x89HDF\r\n\x1a\n\x00\x00", "an HDF5 file", "torch.save(model.state_dict()"},
	{"\x08\x07\x12\x07pytorch", "an ONNX model", "torch.save(model.state_dict()"},
	{"\x1c\x00\x00\x00TFL3\x00\x00", "a TensorFlow Lite model", "torch.save(model.state_dict()"},
	{"GGUF\x03\x00\x00\x00\x00\x00", "a GGUF model", "torch.save(model.state_dict()"},
	{"\x93NUMPY\x01\x00v\x00{'descr'", "a NumPy array", "safetensors.numpy.save_file"},
	{"\x89PNG\r\n\x1a\n\x00\x00", "a PNG picture", ""},
	{"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "a JPEG picture", ""},
	{"RIFF\x24\x00\x00\x00WEBPVP8 ", "a WebP picture", ""},
}

// TestForeign names files of other kinds, and what one can do.
func TestForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	for _, tt := range foreign {
		what, remedy := Recognize([]byte(tt.head))
		if !strings.Contains(what, tt.what) || !strings.Contains(remedy, tt.remedy) || (remedy == "") != (tt.remedy == "") {
			t.Errorf("%.20q is %s: %s", tt.head, what, remedy)
		}
		if err := os.WriteFile(path, []byte(tt.head), 0o666); err != nil {
			t.Fatal(err)
		}
		var e *Error
		if _, err := Read(path); !errors.As(err, &e) || e.Fault != "not a safetensors file: it is "+what || e.Hint == "" || remedy != "" && e.Hint != remedy {
			t.Errorf("%.20q: error %#v", tt.head, err)
		}
	}
	// The length of a header may look like the first bytes of another kind.
	for _, head := range []string{"BM", "\x1f\x8b", "MM", "\x80\x02", "\xff\xd8\xff", "<", "{"} {
		file := append([]byte(head), make([]byte, 8-len(head))...)
		file = append(append(file, " {\"a\":"...), bytes.Repeat([]byte{' '}, 100)...)
		if what, _ := Recognize(file); !Sniff(file) || what != "" {
			t.Errorf("a header of %q bytes is taken for %s", head, what)
		}
	}
	if what, remedy := Recognize([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09")); what+remedy != "" {
		t.Errorf("unknown bytes are %s: %s", what, remedy)
	}
}
