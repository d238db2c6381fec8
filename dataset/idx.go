package dataset

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxIDX is the largest array, in bytes, that ReadIDX reads: 1 GiB, twenty
// times MNIST's training images.
const MaxIDX = 1 << 30

// firstChunk is what ReadIDX allocates before it has read anything of the
// array, whatever the header promises.
const firstChunk = 1 << 20

// An IDX is an array of bytes of one to four dimensions, the last one
// varying fastest. The format is described at http://yann.lecun.com/exdb/mnist.
type IDX struct {
	Dims []int
	Data []byte
}

// ReadIDX reads an IDX file of unsigned bytes, plain or compressed by gzip,
// which it tells by its first two bytes. The array must end where the file
// does, but zeros may follow what gzip wrote. Memory grows with what was really read, at most twofold, never with
// what the header promises. What is wrong with the data comes back as *Error.
func ReadIDX(r io.Reader) (*IDX, error) {
	r, err := decompress(r)
	if err != nil {
		return nil, err
	}
	dims, size, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	data := make([]byte, min(size, firstChunk))
	for read := 0; ; {
		n, err := io.ReadFull(r, data[read:])
		read += n
		if err != nil {
			return nil, bodyError(err, read, size)
		}
		if read == size {
			break
		}
		larger := make([]byte, min(size, 2*read))
		copy(larger, data)
		data = larger
	}
	if err := readEnd(r, size); err != nil {
		return nil, err
	}
	return &IDX{dims, data}, nil
}

// Remedies for files of unknown origin.
const (
	hintFormat = "give an IDX file of unsigned bytes such as train-images-idx3-ubyte, plain or compressed by gzip"
	hintCopy   = "copy or download the file again"
)

// decompress returns what gzip hides in r, or r itself if it is not gzip.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, readError(err)
	}
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, readError(err)
	}
	z.Multistream(false)
	return &members{b, z}, nil
}

// members reads the members of a gzip file one after the other. Zeros may stand
// behind each, as tapes and copies of whole blocks leave them: gzip and Python
// pass over those, and package gzip takes them for a damaged member.
type members struct {
	from *bufio.Reader
	z    *gzip.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// next goes to the member that follows; io.EOF says that none does.
func (m *members) next() error {
	first := byte(0)
	for first == 0 {
		var err error
		if first, err = m.from.ReadByte(); err != nil {
			return err
		}
	}
	if err := m.from.UnreadByte(); err != nil {
		return err
	}
	if err := m.z.Reset(m.from); err != nil {
		return unexpected(err)
	}
	m.z.Multistream(false)
	return nil
}

// readHeader reads the magic number, 0 0 8 and the number of dimensions, and
// the dimensions, big-endian; size is their product.
func readHeader(r io.Reader) (dims []int, size int, err error) {
	var magic, word [4]byte
	if err := readFull(r, magic[:]); err != nil {
		return nil, 0, err
	}
	if magic[0] != 0 || magic[1] != 0 {
		return nil, 0, &Error{What: fmt.Sprintf("not an IDX file: it begins with % x, not with 00 00", magic[:]), Hint: hintFormat}
	}
	if magic[2] != 8 {
		return nil, 0, &Error{What: fmt.Sprintf("IDX element type %#02x, not unsigned bytes (0x08)", magic[2]), Hint: hintFormat}
	}
	if magic[3] < 1 || magic[3] > 4 {
		return nil, 0, &Error{What: fmt.Sprintf("IDX array of %d dimensions, not 1 to 4", magic[3]), Hint: hintFormat}
	}
	dims = make([]int, magic[3])
	total := uint64(1)
	for i := range dims {
		if err := readFull(r, word[:]); err != nil {
			return nil, 0, err
		}
		d := uint64(binary.BigEndian.Uint32(word[:]))
		// Each factor is below 2³² and the product so far at most 2³⁰: no overflow.
		if total *= d; d > MaxIDX || total > MaxIDX {
			return nil, 0, &Error{
				What: fmt.Sprintf("IDX header promises more than %d bytes", MaxIDX),
				Hint: "the file is damaged, or too large: split it"}
		}
		dims[i] = int(d)
	}
	return dims, int(total), nil
}

// readFull fills p with a part of the header.
func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{What: "truncated: it ends within the IDX header", Hint: hintCopy, Err: unexpected(err)}
	}
	if err != nil {
		return readError(err)
	}
	return nil
}

// readEnd makes sure that nothing follows the array. Reading on also makes
// gzip check its checksum.
func readEnd(r io.Reader, size int) error {
	var one [1]byte
	switch _, err := io.ReadFull(r, one[:]); err {
	case io.EOF:
		return nil
	case nil:
		return &Error{What: fmt.Sprintf("oversized: bytes follow the %d that its IDX header promises", size), Hint: hintCopy}
	default:
		return readError(err)
	}
}

// bodyError names an error that came after read of the array's size bytes.
func bodyError(err error, read, size int) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{What: fmt.Sprintf("truncated: it ends after %d of %d bytes", read, size), Hint: hintCopy, Err: unexpected(err)}
	}
	return readError(err)
}

// readError names an error of the reader itself.
func readError(err error) error {
	var corrupt flate.CorruptInputError
	var known *Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return &Error{What: "damaged gzip data", Hint: hintCopy, Err: err}
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return &Error{What: "truncated gzip data", Hint: hintCopy, Err: unexpected(err)}
	}
	return &Error{What: "cannot be read", Hint: hintCopy, Err: err}
}

// unexpected turns an end of file into the error that it is in the middle of
// one, so that nobody takes it for an ordinary end.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
