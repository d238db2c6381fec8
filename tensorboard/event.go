package tensorboard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	pb "google.golang.org/protobuf/encoding/protowire"
)

// An Event is what a record holds. Graphs, log messages and metadata of
// sessions are left out.
type Event struct {
	WallTime    float64 // seconds since 1970
	Step        int64
	FileVersion string // of the first event of a file: brain.Event:2
	Source      string // what wrote the file, in its first event; may be empty
	// Restart tells that a run goes on at Step: what there was of this step
	// and later ones does not count.
	Restart bool
	Values  []Value
}

// A Value is one value of a tag.
type Value struct {
	Tag       string
	Plugin    string // what shows it: scalars, images, histograms, text, hparams
	Content   []byte // what the plugin keeps in the metadata
	DataClass int    // 1 scalar, 2 tensor, 3 pictures, 0 unknown
	Tensor    Tensor
}

// A Tensor holds the numbers or strings of a value, as DType says: 1 float32,
// 2 float64, 7 string, others being left out.
type Tensor struct {
	DType   int
	Shape   []int64
	Floats  []float32
	Doubles []float64
	Strings [][]byte
}

// Scalar returns the number of a value that is one.
func (v *Value) Scalar() (x float32, ok bool) {
	if v.Plugin != "scalars" || v.Tensor.DType != dtFloat || len(v.Tensor.Floats) != 1 {
		return 0, false
	}
	return v.Tensor.Floats[0], true
}

// Image returns the size and the file of a value that is one picture.
func (v *Value) Image() (width, height int, picture []byte, ok bool) {
	s := v.Tensor.Strings
	if v.Plugin != "images" || len(s) != 3 {
		return 0, 0, nil, false
	}
	width, err := strconv.Atoi(string(s[0]))
	height, err2 := strconv.Atoi(string(s[1]))
	if err != nil || err2 != nil {
		return 0, 0, nil, false
	}
	return width, height, s[2], true
}

// Histogram returns the buckets of a value that is a histogram.
func (v *Value) Histogram() (h []Bucket, ok bool) {
	t := &v.Tensor
	if v.Plugin != "histograms" || t.DType != dtDouble || len(t.Shape) != 2 || t.Shape[1] != 3 ||
		len(t.Doubles)%3 != 0 || t.Shape[0] != int64(len(t.Doubles)/3) {
		return nil, false
	}
	for d := t.Doubles; len(d) > 0; d = d[3:] {
		h = append(h, Bucket{d[0], d[1], d[2]})
	}
	return h, true
}

// Text returns the Markdown of a value that is a single text.
func (v *Value) Text() (markdown string, ok bool) {
	if v.Plugin != "text" || len(v.Tensor.Strings) != 1 {
		return "", false
	}
	return string(v.Tensor.Strings[0]), true
}

// A field is one of a message: bytes where it is a string or a message of its
// own, otherwise number.
type field struct {
	n      pb.Number
	kind   pb.Type
	bytes  []byte
	number uint64
}

var errType = errors.New("of another type than it should be")

// fields calls each with the fields of message m in turn.
func fields(m []byte, each func(field) error) error {
	for len(m) > 0 {
		n, kind, size := pb.ConsumeTag(m)
		if size < 0 {
			return pb.ParseError(size)
		}
		m = m[size:]
		f := field{n: n, kind: kind}
		switch kind {
		case pb.BytesType:
			f.bytes, size = pb.ConsumeBytes(m)
		case pb.VarintType:
			f.number, size = pb.ConsumeVarint(m)
		case pb.Fixed64Type:
			f.number, size = pb.ConsumeFixed64(m)
		case pb.Fixed32Type:
			var v uint32
			v, size = pb.ConsumeFixed32(m)
			f.number = uint64(v)
		default:
			size = pb.ConsumeFieldValue(n, kind, m)
		}
		if size < 0 {
			return fmt.Errorf("field %d: %w", n, pb.ParseError(size))
		}
		m = m[size:]
		if err := each(f); err != nil {
			return fmt.Errorf("field %d: %w", n, err)
		}
	}
	return nil
}

// The functions below return what a field holds, or make err errType.

func (f field) message(each func(field) error) error {
	if f.kind != pb.BytesType {
		return errType
	}
	return fields(f.bytes, each)
}

// raw copies the bytes.
func (f field) raw(b *[]byte) error {
	if f.kind != pb.BytesType {
		return errType
	}
	*b = bytes.Clone(f.bytes)
	return nil
}

func (f field) string(s *string) error {
	if f.kind != pb.BytesType {
		return errType
	}
	*s = string(f.bytes)
	return nil
}

func (f field) double(v *float64) error {
	if f.kind != pb.Fixed64Type {
		return errType
	}
	*v = math.Float64frombits(f.number)
	return nil
}

func (f field) integer(v *int64) error {
	if f.kind != pb.VarintType {
		return errType
	}
	*v = int64(f.number)
	return nil
}

func (f field) small(v *int) error {
	var wide int64
	err := f.integer(&wide)
	*v = int(int32(wide))
	return err
}

// decodeEvent reads the Event message m, and copies what it keeps.
func decodeEvent(m []byte) (*Event, error) {
	e := new(Event)
	err := fields(m, func(f field) error {
		switch f.n {
		case eventWallTime:
			return f.double(&e.WallTime)
		case eventStep:
			return f.integer(&e.Step)
		case eventFileVersion:
			return f.string(&e.FileVersion)
		case eventSourceMetadata:
			return f.message(func(f field) error {
				if f.n == sourceWriter {
					return f.string(&e.Source)
				}
				return nil
			})
		case eventSessionLog:
			return f.message(func(f field) error {
				if f.n != sessionLogStatus {
					return nil
				}
				status := 0
				err := f.small(&status)
				e.Restart = status == sessionStart
				return err
			})
		case eventSummary:
			return f.message(func(f field) error {
				if f.n != summaryValue {
					return nil
				}
				var v Value
				err := f.message(v.decode)
				e.Values = append(e.Values, v)
				return err
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// decode reads a field of a Summary.Value.
func (v *Value) decode(f field) error {
	switch f.n {
	case valueTag:
		return f.string(&v.Tag)
	case valueSimpleValue: // of TensorFlow 1 and PyTorch
		if f.kind != pb.Fixed32Type {
			return errType
		}
		v.Plugin, v.DataClass = "scalars", classScalar
		v.Tensor = Tensor{DType: dtFloat, Floats: []float32{math.Float32frombits(uint32(f.number))}}
	case valueTensor:
		return v.Tensor.decode(f)
	case valueMetadata:
		return f.message(func(f field) error {
			switch f.n {
			case metadataDataClass:
				return f.small(&v.DataClass)
			case metadataPluginData:
				return f.message(func(f field) error {
					switch f.n {
					case pluginName:
						return f.string(&v.Plugin)
					case pluginContent:
						return f.raw(&v.Content)
					}
					return nil
				})
			}
			return nil
		})
	}
	return nil
}

// decode reads a TensorProto, whose numbers may be in any of three forms: as
// bytes, packed, or one by one.
func (t *Tensor) decode(f field) error {
	var content []byte
	err := f.message(func(f field) error {
		switch f.n {
		case tensorDType:
			return f.small(&t.DType)
		case tensorShape:
			return f.message(t.dim)
		case tensorContent:
			return f.raw(&content)
		case tensorFloat:
			if f.kind == pb.Fixed32Type {
				t.Floats = append(t.Floats, math.Float32frombits(uint32(f.number)))
				return nil
			}
			return floats(&t.Floats, f.bytes, f.kind)
		case tensorDouble:
			if f.kind == pb.Fixed64Type {
				t.Doubles = append(t.Doubles, math.Float64frombits(f.number))
				return nil
			}
			return doubles(&t.Doubles, f.bytes, f.kind)
		case tensorString:
			var s []byte
			err := f.raw(&s)
			t.Strings = append(t.Strings, s)
			return err
		}
		return nil
	})
	if err != nil || len(content) == 0 {
		return err
	}
	switch t.DType {
	case dtFloat:
		return floats(&t.Floats, content, pb.BytesType)
	case dtDouble:
		return doubles(&t.Doubles, content, pb.BytesType)
	}
	return nil
}

// dim reads a field of a TensorShapeProto.
func (t *Tensor) dim(f field) error {
	if f.n != shapeDim {
		return nil
	}
	size := int64(0)
	err := f.message(func(f field) error {
		if f.n == dimSize {
			return f.integer(&size)
		}
		return nil
	})
	t.Shape = append(t.Shape, size)
	return err
}

func floats(to *[]float32, b []byte, kind pb.Type) error {
	if kind != pb.BytesType || len(b)%4 != 0 {
		return errType
	}
	for ; len(b) > 0; b = b[4:] {
		*to = append(*to, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return nil
}

func doubles(to *[]float64, b []byte, kind pb.Type) error {
	if kind != pb.BytesType || len(b)%8 != 0 {
		return errType
	}
	for ; len(b) > 0; b = b[8:] {
		*to = append(*to, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}
