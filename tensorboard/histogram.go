package tensorboard

import (
	"math"

	pb "google.golang.org/protobuf/encoding/protowire"
)

// buckets is TensorFlow's default number of them.
const buckets = 30

// A Bucket of a histogram counts the values from Left to Right, without Right
// unless it is the last one.
type Bucket struct {
	Left, Right, Count float64
}

// Histogram appends the distribution of the values to those of a tag: 30
// buckets of equal width from the smallest to the largest one, as TensorFlow
// has them. If all are equal, so are all edges, and the last bucket counts
// them.
//
// NaN and infinities have no place on the axis. They are left out, and their
// number is written as a scalar named tag + "/nonfinite"; where there are
// none, no such scalar is. If no value is left, no histogram is written:
// TensorBoard would draw an empty one as a distribution that is zero.
func (w *Writer) Histogram(tag string, step int, values []float32) error {
	h, finite := histogram(values)
	if finite > 0 {
		if err := w.value(step, tag, "histograms", nil, classTensor, func(b []byte) []byte {
			b = appendTensorHead(b, dtDouble, len(h), 3)
			b = pb.AppendTag(b, tensorContent, pb.BytesType)
			b = pb.AppendVarint(b, uint64(len(h)*3*8))
			for _, x := range h {
				for _, v := range [3]float64{x.Left, x.Right, x.Count} {
					b = pb.AppendFixed64(b, math.Float64bits(v))
				}
			}
			return b
		}); err != nil {
			return err
		}
	}
	if n := len(values) - finite; n > 0 {
		return w.Scalar(tag+"/nonfinite", step, float64(n))
	}
	return w.err
}

// histogram returns the buckets of the values that are finite, and their
// number; nil if there are none. It is tensorboard/plugins/histogram/summary_v2.py's histogram_pb.
func histogram(values []float32) (h []Bucket, finite int) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if x := float64(v); x-x == 0 { // neither NaN nor infinite
			low, high = min(low, x), max(high, x)
			finite++
		}
	}
	if finite == 0 {
		return nil, 0
	}
	h = make([]Bucket, buckets)
	width := (high - low) / buckets
	for i := range h {
		// The conversion keeps compilers from fusing, so that all give the
		// same edges.
		h[i].Left = float64(float64(i)*width) + low
		if i > 0 {
			h[i-1].Right = h[i].Left
		}
	}
	h[buckets-1].Right = high
	if width == 0 {
		h[buckets-1].Count = float64(finite)
		return h, finite
	}
	for _, v := range values {
		if x := float64(v); x-x == 0 {
			h[min(int((x-low)/width), buckets-1)].Count++
		}
	}
	return h, finite
}
