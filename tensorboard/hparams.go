package tensorboard

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	pb "google.golang.org/protobuf/encoding/protowire"
)

// The tags that TensorBoard's table of hyperparameters is made of; the data
// is in their metadata. See
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/hparams/metadata.py
const (
	tagExperiment   = "_hparams_/experiment"
	tagSessionStart = "_hparams_/session_start_info"
	tagSessionEnd   = "_hparams_/session_end_info"
)

// The numbers of the fields in use, by message.
const (
	dataExperiment   = 2
	dataSessionStart = 3
	dataSessionEnd   = 4

	experimentTimeCreated = 3
	experimentHParams     = 4
	experimentMetrics     = 5

	hparamName = 1
	hparamType = 4

	metricName = 1
	metricTag  = 2 // of MetricName

	sessionHParams   = 1 // a map
	sessionStartTime = 5

	mapKey   = 1
	mapValue = 2

	wktNumber = 2 // of google.protobuf.Value
	wktString = 3
	wktBool   = 4

	endStatus = 1
	endTime   = 2
)

// A Param is a hyperparameter and its value for this run: a bool, a string,
// an int, int64, uint64, float32 or float64.
type Param struct {
	Name  string
	Value any
}

// HParams makes the run a row of TensorBoard's table of hyperparameters: a
// column for each of them and one for each of the metrics, which are tags of
// scalars and show their last value. Where a folder holds several runs, the
// columns are those of one of them, so all should have the same. Values of
// other types than Param allows, and two of the same name, panic.
//
// Numbers that TensorBoard could not show as they are, which are those that
// are not finite and integers that float64 does not hold, are written as
// text.
//
// TensorBoard takes the first row it finds in a run. Where the run was
// resumed, HParams therefore writes nothing if the row is there already, and
// otherwise removes it from the earlier files first; the run's start remains.
func (w *Writer) HParams(params []Param, metrics []string) error {
	if w.err != nil {
		return w.err
	}
	since := seconds(w.now())
	if len(w.kept) > 0 {
		since = w.kept[0].wallTime
	}
	experiment := experiment(params, metrics, since)
	session := sessionStarted(params, since)
	if len(w.kept) == 2 && w.kept[0].is(tagExperiment, experiment) && w.kept[1].is(tagSessionStart, session) {
		return nil
	}
	if w.err = w.dropKept(); w.err != nil {
		return w.err
	}
	if err := w.hparams(since, tagExperiment, experiment); err != nil {
		return err
	}
	return w.hparams(since, tagSessionStart, session)
}

// End tells the table of hyperparameters that the run came to its end, and
// how. A run without it is shown as one whose end is not known.
func (w *Writer) End(success bool) error {
	status := int64(2)
	if success {
		status = 1
	}
	end := seconds(w.now())
	return w.hparams(end, tagSessionEnd, pluginData(dataSessionEnd, func(b []byte) []byte {
		b = appendInt(b, endStatus, status)
		return appendDouble(b, endTime, end)
	}))
}

// hparams appends an event of step 0 whose content is in its metadata alone;
// an empty tensor is the least that a value may have.
func (w *Writer) hparams(wallTime float64, tag string, content []byte) error {
	return w.eventAt(wallTime, 0, func(b []byte) []byte {
		return appendValue(b, tag, "hparams", content, classTensor, func(b []byte) []byte {
			return appendTensorHead(b, dtFloat, 0)
		})
	})
}

// pluginData returns an HParamsPluginData of version 0.
func pluginData(n pb.Number, body func([]byte) []byte) []byte {
	return appendMessage(nil, n, body)
}

func experiment(params []Param, metrics []string, created float64) []byte {
	return pluginData(dataExperiment, func(b []byte) []byte {
		b = appendDouble(b, experimentTimeCreated, created)
		for _, p := range params {
			b = appendMessage(b, experimentHParams, func(b []byte) []byte {
				b = appendString(b, hparamName, p.Name)
				_, dataType := p.value()
				return appendInt(b, hparamType, dataType)
			})
		}
		for _, tag := range metrics {
			b = appendMessage(b, experimentMetrics, func(b []byte) []byte {
				return appendMessage(b, metricName, func(b []byte) []byte {
					return appendString(b, metricTag, tag)
				})
			})
		}
		return b
	})
}

// sessionStarted leaves the name of the session's group empty: TensorBoard
// then calls the row by the name of the run's folder.
func sessionStarted(params []Param, start float64) []byte {
	seen := make(map[string]bool, len(params))
	return pluginData(dataSessionStart, func(b []byte) []byte {
		for _, p := range params {
			if seen[p.Name] {
				panic(fmt.Sprintf("tensorboard: two hyperparameters named %q", p.Name))
			}
			seen[p.Name] = true
			b = appendMessage(b, sessionHParams, func(b []byte) []byte {
				b = appendAnyString(b, mapKey, p.Name)
				value, _ := p.value()
				return appendMessage(b, mapValue, func(b []byte) []byte { return append(b, value...) })
			})
		}
		return appendDouble(b, sessionStartTime, start)
	})
}

// value returns a google.protobuf.Value and the DataType of api.proto.
func (p Param) value() (value []byte, dataType int64) {
	switch v := p.Value.(type) {
	case bool:
		return pb.AppendVarint(pb.AppendTag(nil, wktBool, pb.VarintType), pb.EncodeBool(v)), 2
	case string:
		return text(v)
	case int:
		return integer(int64(v))
	case int64:
		return integer(v)
	case uint64:
		if v > math.MaxInt64 {
			return text(strconv.FormatUint(v, 10))
		}
		return integer(int64(v))
	case float32:
		return number(float64(v))
	case float64:
		return number(v)
	}
	panic(fmt.Sprintf("tensorboard: hyperparameter %q is a %T", p.Name, p.Value))
}

func text(s string) ([]byte, int64) { return appendAnyString(nil, wktString, s), 1 }

func integer(i int64) ([]byte, int64) {
	if i < -1<<53 || i > 1<<53 {
		return text(strconv.FormatInt(i, 10))
	}
	return number(float64(i))
}

func number(x float64) ([]byte, int64) {
	if x-x != 0 { // TensorBoard's JSON has no such numbers
		return text(strconv.FormatFloat(x, 'g', -1, 64))
	}
	return pb.AppendFixed64(pb.AppendTag(nil, wktNumber, pb.Fixed64Type), math.Float64bits(x)), 3
}

// A kept is an event of hyperparameters in an earlier file of a run that was
// resumed.
type kept struct {
	path     string
	wallTime float64
	tag      string
	content  []byte
}

func (k kept) is(tag string, content []byte) bool {
	return k.tag == tag && bytes.Equal(k.content, content)
}
