package setting

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// A Row is some settings of a file that lists several groups of them, as
// [ParseRows] reads it.
type Row struct {
	Name   string // what its key name says; "" without one
	parser fileParser
	node   *yaml.Node
}

const hintRows = "begin each row with a dash, with its keys below each other, as in - sampler.steps: 20"

// ParseRows reads a YAML list whose items are groups of settings. The keys stand
// as in a configuration or with their dots, and name may stand beside them. What
// the keys and values are is for [Row.Set] to check.
func ParseRows(file string, data []byte) ([]Row, error) {
	p := fileParser{name: file}
	root, err := p.load(data)
	if err != nil {
		return nil, err
	}
	if root == nil || root.Kind != yaml.SequenceNode {
		return nil, &Error{Place: file, Problem: "is not a list of settings", Hint: hintRows}
	}
	rows := make([]Row, 0, len(root.Content))
	for _, n := range root.Content {
		r := Row{parser: fileParser{name: file}, node: follow(n)}
		if r.node.Kind != yaml.MappingNode {
			return nil, p.errorAt(r.node, "", "a row is not a group of keys", hintRows)
		}
		for i := 0; i+1 < len(r.node.Content); i += 2 {
			if key, value := r.node.Content[i], follow(r.node.Content[i+1]); key.Value == rowName {
				if value.Kind != yaml.ScalarNode {
					return nil, p.errorAt(value, rowName, "wants a single value", hintPair)
				}
				r.Name = value.Value
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// rowName is the key of a row that is no setting.
const rowName = "name"

// Set changes the settings of l that the row has. On an error those before it
// have been changed.
func (r Row) Set(l List) error {
	p := r.parser
	p.settings = l
	entries, err := p.entries("", r.node)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.key.Value == rowName {
			continue
		}
		if s, ok := l.Find(e.key.Value); ok {
			err = p.set(s, e.value)
		} else {
			err = p.value("", e.key.Value, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Assignment returns what gives [List.Set] the value of s back.
func (s Setting) Assignment() string {
	switch s.Value.(type) {
	case *string, Texts:
		return fmt.Sprintf("%s=%v", s.Key, s.Plain())
	}
	return s.Key + "=" + s.String()
}
