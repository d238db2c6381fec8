package tensorboard

import (
	"math"
	"strings"

	pb "google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields in use, by message.
const (
	eventWallTime       = 1
	eventStep           = 2
	eventFileVersion    = 3
	eventSummary        = 5
	eventSessionLog     = 7
	eventSourceMetadata = 10

	sourceWriter     = 1
	sessionLogStatus = 1

	summaryValue = 1

	valueTag         = 1
	valueSimpleValue = 2
	valueTensor      = 8
	valueMetadata    = 9

	metadataPluginData = 1
	metadataDataClass  = 4

	pluginName    = 1
	pluginContent = 2

	tensorDType   = 1
	tensorShape   = 2
	tensorContent = 4 // the numbers of any type, little-endian
	tensorFloat   = 5
	tensorDouble  = 6
	tensorString  = 8

	shapeDim = 2
	dimSize  = 1
)

// The types of tensors in use, as types.proto numbers them.
const (
	dtFloat  = 1
	dtDouble = 2
	dtString = 7
)

// What a tag's values are to TensorBoard's storage, as summary.proto numbers
// it.
const (
	classScalar = 1
	classTensor = 2
	classBlobs  = 3
)

// sessionStart is SessionLog's START.
const sessionStart = 1

// appendMessage appends the message that body appends as field n.
func appendMessage(b []byte, n pb.Number, body func([]byte) []byte) []byte {
	b = pb.AppendTag(b, n, pb.BytesType)
	start := len(b)
	b = body(b)
	size := len(b) - start
	var length [10]byte
	head := pb.AppendVarint(length[:0], uint64(size))
	b = append(b, head...) // makes room
	copy(b[start+len(head):], b[start:start+size])
	copy(b[start:], head)
	return b
}

// The functions below append a field unless it has its default, as protocol
// buffers of version 3 do.

func appendDouble(b []byte, n pb.Number, v float64) []byte {
	if math.Float64bits(v) == 0 {
		return b
	}
	return pb.AppendFixed64(pb.AppendTag(b, n, pb.Fixed64Type), math.Float64bits(v))
}

func appendInt(b []byte, n pb.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return pb.AppendVarint(pb.AppendTag(b, n, pb.VarintType), uint64(v))
}

func appendString(b []byte, n pb.Number, s string) []byte {
	if s == "" {
		return b
	}
	return appendAnyString(b, n, s)
}

// appendAnyString appends s even if it is empty, as members of a oneof are.
// Strings have to be UTF-8, or TensorBoard refuses the whole event.
func appendAnyString(b []byte, n pb.Number, s string) []byte {
	return pb.AppendString(pb.AppendTag(b, n, pb.BytesType), strings.ToValidUTF8(s, "\ufffd"))
}

// appendTensorHead appends the type and shape of a tensor.
func appendTensorHead(b []byte, dtype int64, shape ...int) []byte {
	b = appendInt(b, tensorDType, dtype)
	return appendMessage(b, tensorShape, func(b []byte) []byte {
		for _, size := range shape {
			b = appendMessage(b, shapeDim, func(b []byte) []byte {
				return appendInt(b, dimSize, int64(size))
			})
		}
		return b
	})
}

// appendValue appends a summary of a single value: a tag, a tensor and what
// the plugin that shows it needs to know.
func appendValue(b []byte, tag, plugin string, content []byte, class int64, tensor func([]byte) []byte) []byte {
	return appendMessage(b, eventSummary, func(b []byte) []byte {
		return appendMessage(b, summaryValue, func(b []byte) []byte {
			b = appendString(b, valueTag, tag)
			b = appendMessage(b, valueTensor, tensor)
			return appendMessage(b, valueMetadata, func(b []byte) []byte {
				b = appendMessage(b, metadataPluginData, func(b []byte) []byte {
					b = appendString(b, pluginName, plugin)
					if len(content) > 0 {
						b = pb.AppendBytes(pb.AppendTag(b, pluginContent, pb.BytesType), content)
					}
					return b
				})
				return appendInt(b, metadataDataClass, class)
			})
		})
	})
}
