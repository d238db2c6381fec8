package torchfile

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// inflation bounds what compressed entries may grow to, all together, in
// multiples of the file's size. torch.save compresses nothing; who packs an
// archive anew may, and weights hardly shrink.
const inflation = 4

const hintStore = "unpack the archive, and pack it again without compression (zip store)"

// decodeZip reads an archive: NAME/data.pkl with the objects, NAME/byteorder
// in later versions, and NAME/data/KEY with the numbers of each storage.
func (f *File) decodeZip(r io.ReaderAt, size int64) error {
	// The list of entries is as long as the archive says, and takes several
	// times its bytes in memory.
	list := &budget{r: r, left: maxZip}
	z, err := zip.NewReader(list, size)
	if list.left < 0 {
		return limited("a zip archive of too many entries")
	}
	if err != nil {
		return inZip("", err)
	}
	list.left = 1 << 62 // and now the entries themselves

	entries, prefix, err := saved(z)
	if err != nil {
		return err
	}
	inflated := inflation*size + 1<<10
	read := func(name string, most int64) ([]byte, error) {
		e := entries[prefix+name]
		if e == nil {
			return nil, damaged("it has no entry %.100q", prefix+name)
		}
		return readEntry(e, most, size, &inflated)
	}
	if entries[prefix+"byteorder"] != nil {
		order, err := read("byteorder", 100)
		if err != nil {
			return err
		}
		switch string(order) {
		case "little":
		case "big":
			f.swapped = true
		default:
			return damaged("the order of its bytes is %.20q, neither little nor big", order)
		}
	}
	b, err := read("data.pkl", maxPickle)
	if err != nil {
		return err
	}
	m := f.unpickler(b)
	if f.Root, err = m.run(); err != nil {
		return err
	}
	if m.pos != len(b) {
		return damaged("its pickle has %d bytes after its end", len(b)-m.pos)
	}
	f.read = func(s *storage) ([]byte, error) { return read("data/"+s.key, s.n*s.dtype.width) }
	return nil
}

// saved returns the entries of an archive of torch.save by their names, and
// what all those names begin with.
func saved(z *zip.Reader) (entries map[string]*zip.File, prefix string, err error) {
	entries = make(map[string]*zip.File, len(z.File))
	found := 0
	for _, e := range z.File {
		if entries[e.Name] != nil {
			return nil, "", damaged("the entry %.100q is there twice", e.Name)
		}
		entries[e.Name] = e
		if dir, ok := strings.CutSuffix(e.Name, "data.pkl"); ok && strings.Index(dir, "/") == len(dir)-1 {
			prefix = dir
			found++
		}
	}
	if entries[prefix+"constants.pkl"] != nil {
		return nil, "", &Error{Fault: "a program of TorchScript", Hint: `save its weights: torch.save(torch.jit.load("FILE").state_dict(), "weights.pt")`}
	}
	if found != 1 {
		return nil, "", other(z)
	}
	return entries, prefix, nil
}

// other is the error of an archive that torch.save did not write.
func other(z *zip.Reader) error {
	const weights = `give the weights: torch.save(model.state_dict(), "weights.pt")`
	found := ""
	for _, e := range z.File {
		name := strings.ToLower(e.Name)
		switch path.Base(name) {
		case "model.weights.h5":
			return &Error{Fault: "a model of Keras", Hint: weights}
		case "archive_format":
			return &Error{Fault: "a program of torch.export", Hint: weights}
		}
		switch path.Ext(name) {
		case ".npy":
			return &Error{Fault: "NumPy's arrays (.npz)", Hint: `save them as safetensors: safetensors.numpy.save_file(dict(numpy.load("FILE")), "weights.safetensors")`}
		case ".ckpt", ".pt", ".pth", ".safetensors":
			found = cmp.Or(found, e.Name)
		}
	}
	if found != "" {
		return &Error{Fault: fmt.Sprintf("a zip archive with %.100q in it", found), Hint: "unpack it first, and give that file"}
	}
	return &Error{Fault: "a zip archive, but not of torch.save", Hint: "unpack it first, or give a .ckpt, .pt or .pth file of PyTorch's"}
}

// readEntry reads and verifies an entry of most bytes at most. One that is
// compressed is charged to inflated.
func readEntry(e *zip.File, most, size int64, inflated *int64) ([]byte, error) {
	n := e.UncompressedSize64
	switch {
	case e.Method != zip.Store && e.Method != zip.Deflate:
		return nil, &Error{Fault: fmt.Sprintf("the entry %.100q is compressed in a way that is not read", e.Name), Hint: hintStore}
	case n > uint64(most):
		return nil, limited("the entry %.100q takes %d bytes, %d at most are expected", e.Name, n, most)
	case e.Method == zip.Store && (e.CompressedSize64 != n || n > uint64(size)):
		return nil, damaged("the entry %.100q of %d bytes is larger than the file", e.Name, n)
	case e.Method != zip.Store && n > uint64(*inflated):
		return nil, limited("the entry %.100q is compressed, to less than a quarter", e.Name)
	}
	if e.Method != zip.Store {
		*inflated -= int64(n)
	}
	r, err := content(e)
	if err != nil {
		return nil, inZip(e.Name, err)
	}
	defer r.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, inZip(e.Name, err)
	}
	// The checksum is verified where the entry ends.
	if extra, err := r.Read(make([]byte, 1)); extra > 0 || err != io.EOF {
		if err == nil {
			err = errors.New("it is longer than it says")
		}
		return nil, inZip(e.Name, err)
	}
	return b, nil
}

// content opens an entry. One whose checksum is 0 has none: so writes
// torch.save after torch.serialization.set_crc32_options(False).
func content(e *zip.File) (io.ReadCloser, error) {
	if e.CRC32 != 0 || e.Method != zip.Store && e.Method != zip.Deflate {
		return e.Open()
	}
	r, err := e.OpenRaw()
	if err != nil {
		return nil, err
	}
	if e.Method == zip.Deflate {
		return flate.NewReader(r), nil
	}
	return io.NopCloser(r), nil
}

// inZip makes an error of one that archive/zip found.
func inZip(name string, err error) error {
	var e *Error
	var own interface{ Timeout() bool } // of the system, such as *fs.PathError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &own):
		return fmt.Errorf("torchfile: %w", err)
	case name == "":
		return damaged("no zip archive: %v", err)
	case errors.Is(err, zip.ErrChecksum):
		return damaged("the entry %.100q does not have its checksum", name)
	}
	return damaged("the entry %.100q: %v", name, err)
}

// A budget is a reader of so many bytes.
type budget struct {
	r    io.ReaderAt
	left int64
}

func (b *budget) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, limited("a zip archive of too many entries")
	}
	return b.r.ReadAt(p, at)
}
