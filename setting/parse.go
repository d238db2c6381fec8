package setting

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A configuration is some hundred lines. The limits keep a hostile file from
// costing time: the YAML parser's is quadratic in what it nests.
const (
	MaxBytes  = 64 << 10 // of a file that Parse reads
	maxTokens = 2048
	maxDepth  = 2
)

// Parse sets what a YAML file has; other keys keep their values. It is strict.
// An unknown key, a value of the wrong type or out of range is an [*Error]
// with file, line and column, for which name stands for the file. The values
// before it have then been set.
func (l List) Parse(name string, data []byte) error {
	if len(data) > MaxBytes {
		return &Error{Place: name, Problem: fmt.Sprintf("%d bytes are too many for a configuration", len(data)), Hint: fmt.Sprintf("at most %d are read", MaxBytes)}
	}
	p := fileParser{name: name, settings: l}
	tokens := lexer.Tokenize(string(data))
	if err := p.checkTokens(tokens); err != nil {
		return err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return p.syntax(err)
	}
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType {
			continue
		}
		if seen {
			return p.errorAt(doc.Body.GetToken(), "", "a second YAML document", "keep one in the file")
		}
		seen = true
		if err := p.mapping("", doc.Body); err != nil {
			return err
		}
	}
	return nil
}

type fileParser struct {
	name     string
	settings List
}

func (p *fileParser) place(tk *token.Token) string {
	if tk == nil || tk.Position == nil {
		return p.name
	}
	return fmt.Sprintf("%s:%d:%d", p.name, tk.Position.Line, tk.Position.Column)
}

func (p *fileParser) errorAt(tk *token.Token, key, problem, hint string) error {
	return &Error{Place: p.place(tk), Key: key, Problem: problem, Hint: hint}
}

// syntax turns the YAML package's error, which quotes the source over several
// lines, into one line.
func (p *fileParser) syntax(err error) error {
	var e yaml.Error
	if errors.As(err, &e) {
		message, _, _ := strings.Cut(e.GetMessage(), "\n")
		return p.errorAt(e.GetToken(), "", message, "")
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return &Error{Place: p.name, Problem: message}
}

const (
	notPart  = " not part of a configuration"
	hintPair = "write key: value"
	hintList = "write an item a line, each after a dash, or all between [ and ]"
)

// checkTokens refuses, before anything is built, the parts of YAML that a
// configuration of keys and values has no use for.
func (p *fileParser) checkTokens(tokens token.Tokens) error {
	depth := 0
	lists := listTokens{texts: p.settings.textsNames()}
	for i, tk := range tokens {
		if i == maxTokens {
			return p.errorAt(tk, "", "too long for a configuration", "")
		}
		refused := ""
		switch tk.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			refused = "anchors and aliases are"
		case token.TagType:
			refused = "a tag is"
		case token.SequenceEntryType, token.SequenceStartType, token.SequenceEndType:
			if !lists.allowed(tk) {
				refused = "a list is"
			}
		case token.MappingKeyType:
			refused = "a complex key is"
		case token.DirectiveType:
			refused = "a directive is"
		case token.LiteralType, token.FoldedType:
			refused = "a block of text is"
		case token.InvalidType:
			problem := "invalid YAML"
			if tk.Error != "" {
				problem, _, _ = strings.Cut(tk.Error, "\n")
			}
			return p.errorAt(tk, "", problem, "")
		case token.MappingStartType:
			if depth++; depth > maxDepth {
				return p.errorAt(tk, "", "braces nested too deeply", "")
			}
		case token.MappingEndType:
			depth--
		}
		if refused != "" {
			return p.errorAt(tk, "", refused+notPart, hintPair)
		}
		lists.after(tk)
	}
	return nil
}

// mapping applies the keys of one level. section is "" at the top.
func (p *fileParser) mapping(section string, node ast.Node) error {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return p.errorAt(node.GetToken(), section, "is not a group of keys", hintPair)
	}
	for _, v := range values {
		tk := v.Key.GetToken()
		key := tk.Value
		if section != "" {
			key = section + "." + key
		}
		if err := p.value(section, key, tk, v.Value); err != nil {
			return err
		}
	}
	return nil
}

func (p *fileParser) value(section, key string, keyToken *token.Token, node ast.Node) error {
	for _, s := range p.settings {
		if s.Key == key && s.section() == section {
			return p.set(s, node)
		}
		if section == "" && s.section() == key {
			if node == nil || node.Type() == ast.NullType || node.Type() == ast.CommentType {
				return nil // a group whose keys are all commented out
			}
			return p.mapping(key, node)
		}
	}
	return p.settings.unknown(p.place(keyToken), key)
}

// set gives a setting the value of a node.
func (p *fileParser) set(s Setting, node ast.Node) error {
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
		return at(p.place(node.GetToken()), err)
	}
	return nil
}

// list returns the items of a list.
func (p *fileParser) list(s Setting, node ast.Node) ([]string, error) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		if node == nil || node.Type() == ast.NullType {
			return nil, p.errorAt(tokenOf(node), s.Key, "has no value", hintList+", or leave the key out")
		}
		return nil, p.errorAt(node.GetToken(), s.Key, "wants a list", hintList)
	}
	items := make([]string, len(list.Values))
	for i, item := range list.Values {
		if item.Type() == ast.NullType {
			return nil, p.errorAt(item.GetToken(), s.Key, "an item is empty", hintItem)
		}
		var err error
		if items[i], err = p.scalar(s, item); err != nil {
			return nil, err
		}
		if err := s.checkTexts([]string{strings.Join(strings.Fields(items[i]), " ")}); err != nil {
			return nil, at(p.place(item.GetToken()), err)
		}
	}
	return items, nil
}

// tokenOf returns the token of a node, which may be nil.
func tokenOf(node ast.Node) *token.Token {
	if node == nil {
		return nil
	}
	return node.GetToken()
}

// scalar returns the text of a single value.
func (p *fileParser) scalar(s Setting, node ast.Node) (string, error) {
	if node == nil || node.Type() == ast.NullType {
		return "", p.errorAt(tokenOf(node), s.Key, "has no value", "write "+s.name()+": value, or leave the key out")
	}
	tk := node.GetToken()
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.BoolNode:
	case *ast.SequenceNode:
		return "", p.errorAt(tk, "", "a list is"+notPart, hintPair)
	default:
		hint := ""
		if _, isItem := s.Value.(Texts); isItem {
			hint = hintItem
		}
		return "", p.errorAt(tk, s.Key, "wants a single value", hint)
	}
	switch s.Value.(type) {
	case *string, Texts:
	default:
		if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
			return "", p.errorAt(tk, s.Key, "wants a number, not a text in quotes", "write "+Quote(tk.Value)+" without quotes")
		}
	}
	return tk.Value, nil
}

// textsNames lists the names, without sections, of settings that are lists.
func (l List) textsNames() (names []string) {
	for _, s := range l {
		if _, ok := s.Value.(Texts); ok {
			names = append(names, s.name())
		}
	}
	return names
}

// listTokens finds the tokens of lists that are values of Texts, so that all
// others are refused before anything is built of them. A list in a list is
// none of them.
type listTokens struct {
	texts  []string     // names of the keys that have lists
	before [2]string    // the two tokens before, comments left out
	open   bool         // within [ and ]
	dash   *token.Token // the first of the last block list
}

func (l *listTokens) allowed(tk *token.Token) bool {
	isValue := l.before[1] == ":" && slices.Contains(l.texts, l.before[0])
	switch tk.Type {
	case token.SequenceStartType:
		l.open = isValue
		return isValue
	case token.SequenceEndType:
		was := l.open
		l.open = false
		return was
	}
	if isValue {
		l.dash = tk
		return true
	}
	return l.dash != nil && tk.Position.Column == l.dash.Position.Column
}

func (l *listTokens) after(tk *token.Token) {
	if tk.Type != token.CommentType {
		l.before = [2]string{l.before[1], tk.Value}
	}
}
