package tensorboard

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/joule-ml/joule/internal/regular"
)

// A Reader reads the events of a file one by one.
type Reader struct {
	r      *bufio.Reader
	offset int64
	record bytes.Buffer
	whole  bool // the record has been read to its end, whatever is in it
	err    error
}

// NewReader returns a Reader of what an event file holds.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10)}
}

// Read returns all events of the file at path. Where it is damaged, or ends
// within a record, as that of a run that was killed or is being written may,
// an *Error comes with the events up to there; errors.Is with
// io.ErrUnexpectedEOF tells the two apart.
func Read(path string) ([]*Event, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	defer f.Close()
	var events []*Event
	for r := NewReader(f); ; {
		e, err := r.Next()
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, in(path, err)
		}
		events = append(events, e)
	}
}

// Next returns the next event, io.EOF where the file ends behind a record, or
// an *Error as Read does; after an error it returns that again. A record may
// have up to 256 MiB, and memory is taken only for what is there.
func (r *Reader) Next() (*Event, error) {
	if r.err != nil {
		return nil, r.err
	}
	e, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	r.offset += int64(r.record.Len())
	return e, nil
}

// Offset returns how many bytes the events so far take.
func (r *Reader) Offset() int64 { return r.offset }

// skip passes over the record that Next has found at fault. It is false where
// the fault is in its length, so that nobody knows where the next one begins.
func (r *Reader) skip() bool {
	if !r.whole {
		return false
	}
	r.err = nil
	r.offset += int64(r.record.Len())
	return true
}

func (r *Reader) next() (*Event, error) {
	r.record.Reset()
	r.whole = false
	if err := r.read(headSize); err != nil {
		return nil, err
	}
	head := r.record.Bytes()
	size := binary.LittleEndian.Uint64(head)
	if got, want := masked(head[:8]), binary.LittleEndian.Uint32(head[8:]); got != want {
		return nil, r.fault("the length has checksum %08x, not %08x", got, want)
	}
	if size > maxRecord {
		return nil, r.fault("%d bytes, at most %d", size, maxRecord)
	}
	if err := r.read(int64(size) + footSize); err != nil {
		return nil, err
	}
	r.whole = true
	data, foot := r.record.Bytes()[headSize:headSize+size], r.record.Bytes()[headSize+size:]
	if got, want := masked(data), binary.LittleEndian.Uint32(foot); got != want {
		return nil, r.fault("the data have checksum %08x, not %08x", got, want)
	}
	e, err := decodeEvent(data)
	if err != nil {
		fault := r.fault("no event: %v", err)
		fault.end = -1 // the checksum says that it was written so
		return nil, fault
	}
	return e, nil
}

// read appends the next n bytes to the record.
func (r *Reader) read(n int64) error {
	_, err := io.CopyN(&r.record, r.r, n)
	switch {
	case err == io.EOF && r.record.Len() == 0:
		return io.EOF
	case err == io.EOF:
		e := r.fault("the file ends after %d bytes of it", r.record.Len())
		e.Hint = "" // a run that is going on will write the rest, and Resume cuts it off
		e.Err = io.ErrUnexpectedEOF
		return e
	case errors.Is(err, bytes.ErrTooLarge):
		return r.fault("no memory for it")
	case err != nil:
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

func (r *Reader) fault(format string, args ...any) *Error {
	return &Error{
		Offset: r.offset,
		Fault:  fmt.Sprintf(format, args...),
		Hint:   hintDamaged,
		end:    r.offset + int64(r.record.Len()),
	}
}
