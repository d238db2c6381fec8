package joule

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// A schemaNode is a part of a JSON schema. Fields without a value are left
// out; numbers are kept as text, which loses no digit.
type schemaNode struct {
	Schema      string        `json:"$schema,omitempty"`
	Title       string        `json:"title,omitempty"`
	Description string        `json:"description,omitempty"`
	Type        any           `json:"type,omitempty"` // a name or a list of names
	AnyOf       []*schemaNode `json:"anyOf,omitempty"`
	Enum        []string      `json:"enum,omitempty"`
	Pattern     string        `json:"pattern,omitempty"`
	Minimum     json.Number   `json:"minimum,omitempty"`
	Maximum     json.Number   `json:"maximum,omitempty"`
	Default     any           `json:"default,omitempty"`
	Properties  *schemaFields `json:"properties,omitempty"`
	Additional  *bool         `json:"additionalProperties,omitempty"`
}

// schemaFields are properties in the order of the configuration, which a map
// would not keep.
type schemaFields struct {
	names []string
	nodes map[string]*schemaNode
}

func (f *schemaFields) add(name string, n *schemaNode) {
	f.names, f.nodes[name] = append(f.names, name), n
}

// MarshalJSON writes an object.
func (f *schemaFields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range f.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.nodes[name])
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// schemaGroup is an object of settings and nothing else. It may be empty, as
// it is when all its keys are commented out.
func schemaGroup() *schemaNode {
	closed := false
	return &schemaNode{Type: []string{"object", "null"}, Additional: &closed, Properties: &schemaFields{nodes: map[string]*schemaNode{}}}
}

// ConfigSchema returns a JSON schema, draft 2020-12, of the configurations
// that [ParseConfig] reads, for editors: every key with its type, range,
// default and meaning. What concerns several keys at once is for
// [Config.Validate].
func ConfigSchema() []byte {
	root := schemaGroup()
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "Settings of joule train"
	c := DefaultConfig()
	for _, s := range c.settings() {
		group, name := root, s.key
		if section := s.section(); section != "" {
			name = s.key[len(section)+1:]
			if root.Properties.nodes[section] == nil {
				root.Properties.add(section, schemaGroup())
			}
			group = root.Properties.nodes[section]
		}
		group.Properties.add(name, s.schema())
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("joule: " + err.Error()) // nodes are plain data
	}
	return append(b, '\n')
}

// pathPattern matches what [dataset.IsPath] takes for a path.
const pathPattern = `^\.|[/\\]`

// schema describes the values of s; its default is the one it has now.
func (s setting) schema() *schemaNode {
	n := &schemaNode{Description: s.about, Type: "string", Enum: s.names}
	number := func(v float64) json.Number {
		if math.IsInf(v, 0) {
			return "" // no limit
		}
		return json.Number(formatFloat(v, 64))
	}
	switch s.value.(type) {
	case *int:
		n.Type, n.Minimum, n.Maximum = "integer", json.Number(strconv.Itoa(int(s.lo))), json.Number(strconv.Itoa(int(s.hi)))
	case *uint64:
		n.Type, n.Minimum, n.Maximum = "integer", "0", json.Number(strconv.FormatUint(math.MaxUint64, 10))
	case *float32, *float64:
		n.Type, n.Minimum, n.Maximum = "number", number(s.lo), number(s.hi)
	case *bool:
		n.Type = "boolean"
	case *string:
		n.Default = *s.value.(*string)
		if s.paths {
			n.Type, n.Enum = nil, nil
			n.AnyOf = []*schemaNode{{Type: "string", Enum: s.names}, {Type: "string", Pattern: pathPattern}}
		}
		return n
	}
	if text := s.String(); json.Valid([]byte(text)) {
		n.Default = json.RawMessage(text)
	}
	return n
}
