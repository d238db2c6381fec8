package setting

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// A configuration is some hundred lines. The limits keep a hostile file from
// costing time.
const (
	MaxBytes = 64 << 10 // of a file that Parse reads
	maxNodes = 4096     // keys, values and items, again for each alias
	maxDepth = 16       // of groups and lists in each other
)

const (
	hintSyntax  = "joule train --print-config writes a file to start from"
	hintTab     = "indent with spaces, not with tabs; quote a text that begins with @ or `"
	hintVersion = "leave out the line %YAML: files of versions 1.1 and 1.2 are read alike"
	hintText    = "save it as plain text in UTF-8"
)

// load reads the one document of a file; nil if there is none or it is empty.
func (p *fileParser) load(data []byte) (root *yaml.Node, err error) {
	if len(data) > MaxBytes {
		return nil, &Error{Place: p.name, Problem: fmt.Sprintf("%d bytes are too many for a configuration", len(data)), Hint: fmt.Sprintf("at most %d are read", MaxBytes)}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())))
	if err != nil {
		return nil, p.syntax(err)
	}
	for {
		var doc yaml.Node
		err := loader.Load(&doc)
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, p.syntax(err)
		}
		body := &doc
		if doc.Kind == yaml.DocumentNode {
			body = doc.Content[0]
		}
		if isNull(body) {
			continue
		}
		if root != nil {
			return nil, p.errorAt(body, "", "a second YAML document", "keep one in the file")
		}
		root = body
	}
}

// syntax turns the YAML package's error into one of a line.
func (p *fileParser) syntax(err error) error {
	e := &Error{Place: p.name, Problem: err.Error(), Hint: hintSyntax}
	var fault *yaml.LoadError
	if errors.As(err, &fault) {
		e.Problem = fault.Message
		mark := fault.Mark
		if mark.Line == 0 {
			mark = fault.ContextMark
		}
		if mark.Line > 0 {
			e.Place = p.place(&yaml.Node{Line: mark.Line, Column: mark.Column})
		}
		switch {
		case fault.Stage == yaml.ReaderStage:
			e.Hint = hintText
		case strings.Contains(e.Problem, "start any token"):
			e.Hint = hintTab
		case strings.Contains(e.Problem, "incompatible YAML document"):
			e.Hint = hintVersion
		}
	}
	e.Problem = strings.Join(strings.Fields(e.Problem), " ")
	return e
}

// count bounds the work: aliases in aliases are short to write.
func (p *fileParser) count(n *yaml.Node) error {
	if p.nodes++; p.nodes > maxNodes {
		return p.errorAt(n, "", "too long for a configuration", fmt.Sprintf("at most %d keys and values are read", maxNodes))
	}
	return nil
}

// follow returns what an alias stands for, and other nodes as they are.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == 0 || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// plainTag refuses a tag that is written out and is none of those that say what
// the value is anyway.
func (p *fileParser) plainTag(n *yaml.Node, key string, tags ...string) error {
	if n.Style&yaml.TaggedStyle != 0 && !slices.Contains(tags, n.ShortTag()) {
		return p.errorAt(n, key, "the tag "+Quote(n.ShortTag())+" is"+notPart, "leave it out")
	}
	return nil
}

// An entry is a key of a group and its value.
type entry struct{ key, value *yaml.Node }

// entries returns those of a group, and after its own those that it merges in.
func (p *fileParser) entries(section string, node *yaml.Node) ([]entry, error) {
	if node.Kind != yaml.MappingNode {
		return nil, p.errorAt(node, section, "is not a group of keys", hintGroup)
	}
	if err := p.plainTag(node, section, "!!map"); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var list, merged []entry
	for i := 0; i+1 < len(node.Content); i += 2 {
		e := entry{follow(node.Content[i]), follow(node.Content[i+1])}
		if err := p.count(e.key); err != nil {
			return nil, err
		}
		if e.key.Kind != yaml.ScalarNode {
			return nil, p.errorAt(e.key, section, "a group or a list cannot be a key", hintPair)
		}
		if seen[e.key.Value] {
			return nil, p.errorAt(e.key, section, "key "+Quote(e.key.Value)+" stands twice", "keep one of them")
		}
		seen[e.key.Value] = true
		if e.key.ShortTag() != "!!merge" {
			list = append(list, e)
			continue
		}
		more, err := p.merge(section, e.value)
		if err != nil {
			return nil, err
		}
		merged = append(merged, more...)
	}
	for _, e := range merged {
		if !seen[e.key.Value] {
			seen[e.key.Value] = true
			list = append(list, e)
		}
	}
	return list, nil
}

// merge returns the entries of a group, or of the groups in a list, of which
// those before win.
func (p *fileParser) merge(section string, node *yaml.Node) ([]entry, error) {
	if node.Kind != yaml.SequenceNode {
		return p.entries(section, node)
	}
	var list []entry
	for _, n := range node.Content {
		n = follow(n)
		if err := p.count(n); err != nil {
			return nil, err
		}
		more, err := p.entries(section, n)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}
