// Package tensorboard writes event files, which TensorBoard shows as curves,
// pictures, histograms and a table of hyperparameters, and reads them again.
// Start with Create, or with Resume where a run goes on; Read and NewReader
// read what is there.
//
// An event file is a row of TFRecords:
// https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
//
//	uint64 length | uint32 masked CRC-32C of length | data | uint32 masked CRC-32C of data
//
// little-endian, each data being an Event message in protocol buffers' wire
// format. The messages are those of
// https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto
// (event, summary, tensor) and
// https://github.com/tensorflow/tensorboard/tree/master/tensorboard/plugins/hparams
// (api, plugin_data); the tensors and metadata in them are what TensorFlow 2's
// summary operations write, with the data class set, as tensorboard's own
// summary.Writer has it. testdata compares with what tensorboard writes.
package tensorboard

import (
	"errors"
	"fmt"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// An Error is an event file that is not as it should be.
type Error struct {
	Path   string // empty when not read from a file
	Offset int64  // of the record that is at fault, in bytes
	Fault  string
	Hint   string // what the user can do; may be empty
	Err    error  // io.ErrUnexpectedEOF where the file ends within the record; may be nil

	end int64 // of the record as far as it can be told, -1 where it is whole
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	s := "tensorboard: "
	if e.Path != "" {
		s += e.Path + ": "
	}
	return s + fmt.Sprintf("record at byte %d: %s", e.Offset, e.Fault)
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

func (e *Error) Unwrap() error { return e.Err }

const hintDamaged = "the file is damaged or no event file: move it to another folder, at the loss of what it holds"

// in names the file in an *Error that does not know it.
func in(path string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path = path
	}
	return err
}

// failed says which file could not be written, and what to do.
func failed(path string, err error) error {
	if err == nil {
		return nil
	}
	var e *atomicfile.Error
	if !errors.As(err, &e) {
		err = atomicfile.Wrap(path, err)
	}
	return fmt.Errorf("tensorboard: %w", err)
}
