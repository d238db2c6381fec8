package setting

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Parse sets what a YAML file has; other keys keep their values. It reads what
// PyYAML writes: UTF-8 or UTF-16, in any style, with anchors and merge keys. It
// is strict about the rest. An unknown key, a key that stands twice, a value of
// the wrong type or out of range is an [*Error] with file, line and column, for
// which name stands for the file. The values before it have then been set.
func (l List) Parse(name string, data []byte) error {
	p := fileParser{name: name, settings: l}
	root, err := p.load(data)
	if err != nil || root == nil {
		return err
	}
	return p.mapping("", root)
}

type fileParser struct {
	name     string
	settings List
	nodes    int // seen so far, again where an alias leads to them
}

func (p *fileParser) place(n *yaml.Node) string {
	if n.Line == 0 {
		return p.name
	}
	return fmt.Sprintf("%s:%d:%d", p.name, n.Line, n.Column)
}

func (p *fileParser) errorAt(n *yaml.Node, key, problem, hint string) error {
	return &Error{Place: p.place(n), Key: key, Problem: problem, Hint: hint}
}

const (
	notPart   = " not part of a configuration"
	hintPair  = "write key: value"
	hintGroup = "write a group as joule train --print-config does: its name and a colon, and its keys indented below"
	hintList  = "write an item a line, each after a dash, or all between [ and ]"
)

// mapping applies the keys of one level. section is "" at the top.
func (p *fileParser) mapping(section string, node *yaml.Node) error {
	entries, err := p.entries(section, node)
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := e.key.Value
		if section != "" {
			key = section + "." + key
		}
		if err := p.value(section, key, e); err != nil {
			return err
		}
	}
	return nil
}

func (p *fileParser) value(section, key string, e entry) error {
	for _, s := range p.settings {
		if s.Key == key && s.section() == section {
			return p.set(s, e.value)
		}
		if section == "" && s.section() == key {
			if isNull(e.value) {
				return nil // a group whose keys are all commented out
			}
			return p.mapping(key, e.value)
		}
	}
	if s, ok := p.settings.Find(key); ok && section == "" {
		return p.errorAt(e.key, "", "unknown key "+Quote(key), "write "+s.name()+" in the group "+s.section()+", as joule train --print-config does")
	}
	return p.settings.unknown(p.place(e.key), key)
}

// set gives a setting the value of a node.
func (p *fileParser) set(s Setting, node *yaml.Node) error {
	var err error
	if _, isList := s.Value.(Texts); isList {
		var items []string
		if items, err = p.list(s, node); err != nil {
			return err
		}
		err = s.setTexts(items)
	} else {
		var text string
		if text, err = p.scalar(s, node); err != nil {
			return err
		}
		err = s.Set(text)
	}
	if err != nil {
		return at(p.place(node), err)
	}
	return nil
}

// list returns the items of a list.
func (p *fileParser) list(s Setting, node *yaml.Node) ([]string, error) {
	if node.Kind != yaml.SequenceNode {
		if isNull(node) {
			return nil, p.errorAt(node, s.Key, "has no value", hintList+", or leave the key out")
		}
		return nil, p.errorAt(node, s.Key, "wants a list", hintList)
	}
	if err := p.plainTag(node, s.Key, "!!seq"); err != nil {
		return nil, err
	}
	items := make([]string, len(node.Content))
	for i, item := range node.Content {
		item = follow(item)
		if err := p.count(item); err != nil {
			return nil, err
		}
		if isNull(item) {
			return nil, p.errorAt(item, s.Key, "an item is empty", hintItem)
		}
		var err error
		if items[i], err = p.scalar(s, item); err != nil {
			return nil, err
		}
		if err := s.checkTexts([]string{strings.Join(strings.Fields(items[i]), " ")}); err != nil {
			return nil, at(p.place(item), err)
		}
	}
	return items, nil
}

// scalar returns the text of a single value.
func (p *fileParser) scalar(s Setting, node *yaml.Node) (string, error) {
	_, isItem := s.Value.(Texts)
	_, isText := s.Value.(*string)
	switch {
	case node.Kind == yaml.SequenceNode:
		return "", p.errorAt(node, "", "a list is"+notPart, hintPair)
	case node.Kind != yaml.ScalarNode && isItem:
		return "", p.errorAt(node, s.Key, "wants a single value", hintItem)
	case node.Kind != yaml.ScalarNode:
		return "", p.errorAt(node, s.Key, "wants a single value", hintPair)
	case isNull(node):
		return "", p.errorAt(node, s.Key, "has no value", "write "+s.name()+": value, or leave the key out")
	}
	if isText || isItem {
		return node.Value, p.plainTag(node, s.Key, "!!str")
	}
	const written = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	tagged := node.Style&yaml.TaggedStyle != 0
	if tagged && node.ShortTag() == "!!str" || !tagged && node.Style&written != 0 {
		return "", p.errorAt(node, s.Key, "wants a number, not a text in quotes", "write "+Quote(node.Value)+" without quotes")
	}
	tags := []string{"!!int", "!!float"}
	switch s.Value.(type) {
	case *int, *uint64:
		tags = tags[:1]
	}
	return node.Value, p.plainTag(node, s.Key, tags...)
}
