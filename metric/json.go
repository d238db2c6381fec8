package metric

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/regular"
)

// CreateJSON writes the rows of the CSV file, which Create or Append has just
// opened, to path as JSON Lines, replacing what is there, and opens it for the
// rows to come: whoever continues a run gets both files with the same rows.
//
// A line is an object such as {"epoch":1,"step":10,"loss":0.25}. What was not
// measured has no key. JSON has no numbers that are not finite: they are the
// strings "NaN", "Infinity" and "-Infinity", as in Protocol Buffers' JSON,
// which pandas.read_json(path, lines=True) makes numbers again, and jq's
// select(.loss | type == "string") finds.
func CreateJSON(path, csv string, columns []string) (*Writer, error) {
	keys := jsonKeys(columns)
	err := atomicfile.Write(path, func(w io.Writer) error {
		f, err := regular.Open(csv)
		if err != nil {
			return err
		}
		defer f.Close()
		return in(csv, toJSON(w, f))
	})
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	w, err := open(path, columns)
	if err != nil {
		return nil, err
	}
	w.keys = keys
	return w, nil
}

// toJSON writes the rows of a CSV file as JSON Lines, in bounded memory.
func toJSON(w io.Writer, r io.Reader) error {
	lines := newScanner(r)
	names, columns, err := lines.names()
	if err != nil {
		return err
	}
	keys := jsonKeys(columns)
	out := bufio.NewWriter(w)
	var line []byte
	for lines.next() {
		row, err := parseRow(names, lines.text, lines.line)
		if err != nil {
			return err
		}
		line = beginJSON(line[:0], row.epoch, row.step)
		for i, c := range row.cells {
			if c.set {
				line = appendJSONFloat(append(line, keys[i]...), c.value)
			}
		}
		if _, err := out.Write(append(line, "}\n"...)); err != nil {
			return err
		}
	}
	if lines.err != nil {
		return lines.err
	}
	return out.Flush()
}

// jsonKeys returns ,"name": for each column.
func jsonKeys(columns []string) []string {
	keys := make([]string, len(columns))
	for i, c := range columns {
		b, err := json.Marshal(c)
		if err != nil {
			panic("metric: " + err.Error()) // any string is JSON
		}
		keys[i] = "," + string(b) + ":"
	}
	return keys
}

func beginJSON(b []byte, epoch, step int) []byte {
	b = strconv.AppendInt(append(b, `{"epoch":`...), int64(epoch), 10)
	return strconv.AppendInt(append(b, `,"step":`...), int64(step), 10)
}

// appendJSON appends a row without its end, and counts the values in it.
func (w *Writer) appendJSON(b []byte, epoch, step int, values map[string]float64) (row []byte, found int) {
	b = beginJSON(b, epoch, step)
	for i, c := range w.columns {
		if v, ok := values[c]; ok {
			b = appendJSONFloat(append(b, w.keys[i]...), v)
			found++
		}
	}
	return append(b, '}'), found
}

func appendJSONFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
