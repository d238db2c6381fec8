package setting

import (
	"bytes"
	"encoding/json"
	"math"
)

// A schemaNode is a part of a JSON schema. Fields without a value are left
// out; numbers are kept as text, which loses no digit.
type schemaNode struct {
	Schema      string        `json:"$schema,omitempty"`
	Title       string        `json:"title,omitempty"`
	Description string        `json:"description,omitempty"`
	Type        any           `json:"type,omitempty"` // a name or a list of names
	AnyOf       []*schemaNode `json:"anyOf,omitempty"`
	Items       *schemaNode   `json:"items,omitempty"`
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

// Schema returns a JSON schema, draft 2020-12, of the files that [List.Parse]
// reads, for editors: every key with its type, range and meaning, and its
// value as the default.
func (l List) Schema(title string) []byte {
	root := schemaGroup()
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = title
	for _, s := range l {
		group := root
		if section := s.section(); section != "" {
			if root.Properties.nodes[section] == nil {
				root.Properties.add(section, schemaGroup())
			}
			group = root.Properties.nodes[section]
		}
		group.Properties.add(s.name(), s.schema())
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("setting: " + err.Error()) // nodes are plain data
	}
	return append(b, '\n')
}

// pathPattern matches the paths that a Setting with Path takes: they have a
// separator in them or begin with a dot.
const pathPattern = `^\.|[/\\]`

// schema describes the values of s; its default is the one it has now.
func (s Setting) schema() *schemaNode {
	n := &schemaNode{Description: s.About, Type: "string", Enum: s.Names}
	number := func(v float64) json.Number {
		if math.IsInf(v, 0) {
			return "" // no limit
		}
		return json.Number(formatFloat(v, 64))
	}
	lo, hi := s.bounds()
	switch p := s.Value.(type) {
	case *int, *uint64:
		if s.Auto {
			n.Type = nil
			n.AnyOf = []*schemaNode{{Type: "integer", Minimum: json.Number(lo), Maximum: json.Number(hi)}, {Type: "string", Enum: []string{auto}}}
			break
		}
		n.Type, n.Minimum, n.Maximum = "integer", json.Number(lo), json.Number(hi)
	case *float32, *float64:
		n.Type, n.Minimum, n.Maximum = "number", number(s.Lo), number(s.Hi)
	case *string:
		n.Default = *p
		if s.Path != nil {
			n.Type, n.Enum = nil, nil
			n.AnyOf = []*schemaNode{{Type: "string", Enum: s.Names}, {Type: "string", Pattern: pathPattern}}
		}
		return n
	case Texts:
		n.Type, n.Items, n.Default = "array", &schemaNode{Type: "string"}, append([]string{}, p.Texts()...)
		return n
	}
	if s.Share {
		n.AnyOf = []*schemaNode{{Type: n.Type, Minimum: n.Minimum, Maximum: n.Maximum}, {Type: "string", Pattern: `^[0-9.]+ *%$`}}
		n.Type, n.Minimum, n.Maximum = nil, "", ""
	}
	switch text := s.String(); {
	case text == auto:
		n.Default = auto
	case json.Valid([]byte(text)):
		n.Default = json.RawMessage(text)
	}
	return n
}
