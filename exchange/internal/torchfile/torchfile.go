// Package torchfile reads what torch.save wrote: the archives of PyTorch 1.6
// and later, and the single stream of those before. Start with Open, look at
// Root, and take numbers with Float32.
//
// Such a file holds a Python pickle, a program that builds objects by calling
// any function that it names. Nothing is called here: the few functions that
// build tensors and dictionaries have their meaning in this package, and
// whatever else a pickle calls becomes an [Object], which says what it was.
//
// The formats, in PyTorch's source: torch/serialization.py (_save,
// _legacy_save) and torch/_utils.py (_rebuild_tensor_v2 and its like). The
// opcodes, in Python's: Lib/pickletools.py.
package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/joule-ml/joule/internal/regular"
)

// Limits of what is read. Memory beyond them is in proportion to the file:
// some hundred bytes for each byte of the pickle, and what tensors hold.
const (
	maxFile    = 2 << 30  // bytes
	maxPickle  = 16 << 20 // bytes: the objects without the tensors' numbers
	maxSteps   = 2 << 20  // opcodes, and so objects, memo entries and depth
	maxTensors = 1 << 16
	maxRank    = 16       // dimensions of a tensor
	maxName    = 1000     // bytes of the name of a class or function
	spread     = 1 << 20  // numbers that tensors may have beyond those in the file: one number for many
	maxZip     = 16 << 20 // bytes read to learn what an archive holds
)

// A File is an open file and the objects in it. It is for one goroutine.
type File struct {
	Root any // see [Lookup] for the types there are

	storages map[string]*storage
	read     func(*storage) ([]byte, error) // the bytes of all its numbers
	left     int64                          // numbers that Float32 may still give
	swapped  bool                           // they begin with the highest byte
	close    func() error
}

// An Error is a file that is not as torch.save writes it, or of a kind that is
// not read.
type Error struct {
	Path  string // empty when not read from a file
	Fault string
	Hint  string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	if e.Path == "" {
		return "torchfile: " + e.Fault
	}
	return "torchfile: " + e.Path + ": " + e.Fault
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

const (
	hintDamaged = "the file is damaged or incomplete: copy it again"
	hintLimit   = "save the state dict on its own, with torch.save(model.state_dict(), …)"
	hintAgain   = "save it anew with a recent PyTorch: torch.save(torch.load(…), …)"
)

func damaged(format string, args ...any) error {
	return &Error{Fault: fmt.Sprintf(format, args...), Hint: hintDamaged}
}

func limited(format string, args ...any) error {
	return &Error{Fault: fmt.Sprintf(format, args...), Hint: hintLimit}
}

// HeadSize is how many bytes [Sniff] wants.
const HeadSize = 64

// Sniff tells whether a file that begins with head is one for Open. It may be
// another zip archive, but it is no safetensors file.
func Sniff(head []byte) bool { return isZip(head) || isLegacy(head) }

// A zip archive's first entry begins so; at byte 8, where safetensors' JSON
// has its brace, is the method of compression.
func isZip(head []byte) bool {
	return len(head) > 8 && string(head[:4]) == "PK\x03\x04" && head[8] != '{'
}

// A file of old begins with a pickle of the magic number alone.
func isLegacy(head []byte) bool {
	return len(head) > 2 && head[0] == opProto && bytes.Contains(head[:min(len(head), HeadSize)], []byte(magic))
}

// Open reads the objects of the file at path and leaves it open for the
// tensors' numbers. What is wrong with the file is an [*Error].
func Open(path string) (*File, error) {
	r, err := regular.Open(path)
	var kind *regular.Error
	if errors.As(err, &kind) {
		return nil, &Error{Path: path, Fault: kind.Error(), Hint: "give a file that torch.save wrote"}
	}
	if err != nil {
		return nil, fmt.Errorf("torchfile: %w", err)
	}
	f, err := open(r)
	if err != nil {
		r.Close()
		if e, ok := err.(*Error); ok {
			e.Path = path
		}
		return nil, err
	}
	f.close = r.Close
	return f, nil
}

func open(r *os.File) (*File, error) {
	st, err := r.Stat()
	if err != nil {
		return nil, fmt.Errorf("torchfile: %w", err)
	}
	return Decode(r, st.Size())
}

// Decode reads the objects of a file of size bytes. r has to stay readable
// while numbers are taken.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	if size > maxFile {
		return nil, limited("%d bytes, more than the %d that are read", size, int64(maxFile))
	}
	head := make([]byte, min(size, HeadSize))
	if err := readFull(r, head, 0); err != nil {
		return nil, err
	}
	f := &File{storages: map[string]*storage{}, left: size + spread}
	switch {
	case isZip(head):
		return f, f.decodeZip(r, size)
	case isLegacy(head):
		return f, f.decodeLegacy(r, size)
	}
	return nil, &Error{Fault: "not a file that torch.save wrote", Hint: "give a .ckpt, .pt or .pth file of PyTorch's"}
}

// Close closes the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// readFull reads all of b.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == io.EOF {
			return damaged("it ends within %d bytes at %d", len(b), at)
		}
		return fmt.Errorf("torchfile: %w", err)
	}
	return nil
}
