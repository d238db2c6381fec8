package checkpoint

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HeadSize is how many bytes [Recognize] wants of a file's beginning.
const HeadSize = 1024

// A form is how files of a kind begin.
type form struct {
	at           int
	magic        string
	what, remedy string
}

// What one can do about a file that holds no weights which Joule reads, or
// holds them packed.
const (
	remedyUnpack  = "unpack it first, and give the file of weights in it"
	remedyWeights = `give the weights: in Python torch.save(model.state_dict(), "weights.pt"), then joule import weights.pt`
	remedyTorch   = "joule import FILE --convention f -o model.safetensors makes a model of it, or --convention energy"
	remedyLink    = "download the file itself: the link led to a page about it"
)

var forms = []form{
	{0, "version https://git-lfs.github.com/spec/", "a pointer of Git LFS, which stands for the file", "run git lfs pull where the repository is, or download the file itself"},
	{0, "\x1f\x8b", "compressed with gzip", remedyUnpack},
	{0, "\xfd7zXZ\x00", "compressed with xz", remedyUnpack},
	{0, "\x28\xb5\x2f\xfd", "compressed with zstd", remedyUnpack},
	{0, "BZh", "compressed with bzip2", remedyUnpack},
	{0, "\x04\x22\x4d\x18", "compressed with lz4", remedyUnpack},
	{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", remedyUnpack},
	{0, "Rar!\x1a\x07", "a RAR archive", remedyUnpack},
	{257, "ustar", "a tar archive", remedyUnpack},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it", remedyWeights},
	{4, "TFL3", "a TensorFlow Lite model", remedyWeights},
	{0, "GGUF", "a GGUF model", remedyWeights},
	{0, "\x93NUMPY", "a NumPy array", "save the weights by name: safetensors.numpy.save_file(weights, \"weights.safetensors\")"},
	{0, "\x89PNG\r\n\x1a\n", "a PNG picture", ""},
	{0, "\xff\xd8\xff", "a JPEG picture", ""},
	{0, "GIF8", "a GIF picture", ""},
	{8, "WEBP", "a WebP picture", ""},
	{0, "BM", "a BMP picture", ""},
	{0, "II*\x00", "a TIFF picture", ""},
	{0, "MM\x00*", "a TIFF picture", ""},
	{0, "%PDF", "a PDF document", ""},
}

// Sniff tells whether a file that begins with head, of HeadSize bytes or all
// there are, may be one for Read.
func Sniff(head []byte) bool {
	if len(head) <= 8 || binary.LittleEndian.Uint64(head) > maxHeader {
		return false
	}
	text := bytes.TrimLeft(head[8:], " \t\r\n")
	return len(text) == 0 || text[0] == '{'
}

// Recognize says what a file is that is not of safetensors, by its first
// HeadSize bytes or all there are, and what one can do about it. remedy is ""
// where there is nothing to do but give another file, both are "" for a file of
// no known kind and for one that may be of safetensors.
func Recognize(head []byte) (what, remedy string) {
	if Sniff(head) {
		return "", ""
	}
	text := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")))
	switch {
	case len(head) == 0:
		return "an empty file", "copy or download it again"
	case len(bytes.Trim(head, "\x00")) == 0 && len(head) > 8:
		return "a file of zeros, as a download that did not finish leaves it", "copy or download it again"
	case isTorch(head):
		return "a file that torch.save wrote", remedyTorch
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "a zip archive", remedyUnpack
	case isTorchTar(head):
		return "an archive that torch.save wrote before 2017", `save it anew: torch.save(torch.load("FILE", weights_only=False), "weights.pt")`
	}
	for _, f := range forms {
		if len(head) >= f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return f.what, f.remedy
		}
	}
	switch {
	case len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5:
		return "a Python pickle that torch.save did not write", remedyWeights
	case isONNX(head):
		return "an ONNX model", remedyWeights
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "a web page (HTML)", remedyLink
	case strings.HasPrefix(text, "<"):
		return "an XML document", remedyLink
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "a JSON document", "give the file of weights, which may lie beside it"
	case isText(head):
		return "a text file", ""
	}
	return "", ""
}

// isTorch tells whether head begins an archive of torch.save: its first entry
// is NAME/data.pkl or lies beside it. Before PyTorch 1.6 a file began with a
// pickle of the magic number.
func isTorch(head []byte) bool {
	if len(head) > 2 && head[0] == 0x80 {
		return bytes.Contains(head[:min(len(head), 64)], []byte("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"))
	}
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) && bytes.Contains(head, []byte("/data.pkl"))
}

// isTorchTar tells the same of the oldest format, by the name of a tar's first
// entry.
func isTorchTar(head []byte) bool {
	for _, name := range []string{"sys_info", "pickle", "storages", "tensors"} {
		if len(head) > 262 && bytes.HasPrefix(head, []byte(name+"\x00")) && string(head[257:262]) == "ustar" {
			return true
		}
	}
	return false
}

// isONNX tells whether head begins a ModelProto: the version of the format,
// and then the name of a producer or what else may come next.
func isONNX(head []byte) bool {
	return len(head) > 3 && head[0] == 0x08 && head[1] > 0 && head[1] < 32 && bytes.IndexByte([]byte{0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42}, head[2]) >= 0
}

// isText tells whether head is of printable characters.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && utf8.FullRune(head) || r != utf8.RuneError && !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
		head = head[n:]
	}
	return true
}
