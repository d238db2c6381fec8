package torchfile

import (
	"encoding/binary"
	"io"
)

// magic is the number 0x1950a86a20f9469cfc6c, and version the one of the
// format, with which files of PyTorch before 1.6 begin.
const (
	magic   = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
	version = 1001
)

// decodeLegacy reads the format of old: pickles of the magic number, the
// version, a description of the machine, the objects and the list of the
// storages' keys; then each storage as its length in eight bytes and its
// numbers.
func (f *File) decodeLegacy(r io.ReaderAt, size int64) error {
	b := make([]byte, min(size, maxPickle))
	if err := readFull(r, b, 0); err != nil {
		return err
	}
	m := f.unpickler(b)
	var parts [5]any
	for i := range parts {
		var err error
		if parts[i], err = m.run(); err != nil {
			return err
		}
	}
	if parts[0] != Long(magic) || parts[1] != int64(version) {
		return &Error{Fault: "a version of torch.save's format that is not known", Hint: hintAgain}
	}
	// parts[2] describes the machine, which may begin numbers with the highest
	// byte. In a file of old they begin with the lowest all the same.
	f.Root = parts[3]
	keys, ok := parts[4].(*List)
	if !ok {
		return damaged("it has %s for the list of its storages", Kind(parts[4]))
	}
	at := int64(m.pos)
	for _, k := range keys.Items {
		key, _ := k.(string)
		s := f.storages[key]
		if s == nil || s.at != 0 {
			return damaged("it has a storage %.50q that its objects do not know, or has it twice", key)
		}
		var length [8]byte
		if err := readFull(r, length[:], at); err != nil {
			return err
		}
		if n := int64(binary.LittleEndian.Uint64(length[:])); n != s.n {
			return damaged("storage %.50q is of %d numbers, not %d", key, n, s.n)
		}
		s.at = at + int64(len(length))
		at = s.at + s.n*s.dtype.width
		if at > size {
			return damaged("it ends within the numbers of storage %.50q", key)
		}
	}
	f.read = func(s *storage) ([]byte, error) {
		if s.at == 0 {
			return nil, damaged("it has no numbers for storage %.50q", s.key)
		}
		b := make([]byte, s.n*s.dtype.width)
		return b, readFull(r, b, s.at)
	}
	return nil
}
