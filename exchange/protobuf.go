package exchange

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is protobuf in the making, a field after the other.
type message []byte

func (m *message) varint(field protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed32Type)
	*m = protowire.AppendFixed32(*m, math.Float32bits(v))
}

func (m *message) string(field protowire.Number, v string) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendString(*m, v)
}

func (m *message) sub(field protowire.Number, v message) {
	m.tag(field, len(v))
	*m = append(*m, v...)
}

// tag begins a field of size bytes that are to follow.
func (m *message) tag(field protowire.Number, size int) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendVarint(*m, uint64(size))
}

// floats adds a TensorProto of float32, without another copy of the numbers.
func (m *message) floats(field protowire.Number, name string, shape []int, values []float32) {
	head := tensorHead(name, shape, elementFloat)
	head.tag(tensorRaw, 4*len(values))
	*m = slices.Grow(*m, len(head)+4*len(values)+16)
	m.tag(field, len(head)+4*len(values))
	*m = append(*m, head...)
	for _, v := range values {
		*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
	}
}

// integers adds a TensorProto of int64.
func (m *message) integers(field protowire.Number, name string, values []int64) {
	t := tensorHead(name, []int{len(values)}, elementInt64)
	t.tag(tensorRaw, 8*len(values))
	for _, v := range values {
		t = binary.LittleEndian.AppendUint64(t, uint64(v))
	}
	m.sub(field, t)
}

func tensorHead(name string, shape []int, element int64) message {
	var t message
	for _, d := range shape {
		t.varint(tensorDim, int64(d))
	}
	t.varint(tensorType, element)
	t.string(tensorName, name)
	return t
}
