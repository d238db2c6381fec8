package joule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A configuration is some thirty lines. The limits keep a hostile file from
// costing time: the YAML parser's is quadratic in what it nests.
const (
	maxConfigBytes  = 64 << 10
	maxConfigTokens = 2048
	maxConfigDepth  = 2
)

// ParseConfig reads YAML over base: keys that the file does not have keep
// base's value. It is strict. An unknown key, a value of the wrong type or
// out of range is a [*ConfigError] with file, line and column, for which name
// stands for the file. Call [Config.Validate] on the final settings; it also
// checks what concerns several keys at once.
func ParseConfig(name string, data []byte, base Config) (Config, error) {
	if len(data) > maxConfigBytes {
		return base, &ConfigError{Place: name, Problem: fmt.Sprintf("%d bytes are too many for a configuration", len(data)), Hint: fmt.Sprintf("at most %d are read", maxConfigBytes)}
	}
	p := configParser{name: name}
	tokens := lexer.Tokenize(string(data))
	if err := p.checkTokens(tokens); err != nil {
		return base, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return base, p.syntax(err)
	}
	next := base
	p.settings = next.settings()
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType {
			continue
		}
		if seen {
			return base, p.errorAt(doc.Body.GetToken(), "", "a second YAML document", "keep one in the file")
		}
		seen = true
		if err := p.mapping("", doc.Body); err != nil {
			return base, err
		}
	}
	return next, nil
}

type configParser struct {
	name     string
	settings []setting
}

func (p *configParser) place(tk *token.Token) string {
	if tk == nil || tk.Position == nil {
		return p.name
	}
	return fmt.Sprintf("%s:%d:%d", p.name, tk.Position.Line, tk.Position.Column)
}

func (p *configParser) errorAt(tk *token.Token, key, problem, hint string) error {
	return &ConfigError{Place: p.place(tk), Key: key, Problem: problem, Hint: hint}
}

// syntax turns the YAML package's error, which quotes the source over several
// lines, into one line.
func (p *configParser) syntax(err error) error {
	var e yaml.Error
	if errors.As(err, &e) {
		message, _, _ := strings.Cut(e.GetMessage(), "\n")
		return p.errorAt(e.GetToken(), "", message, "")
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return &ConfigError{Place: p.name, Problem: message}
}

// checkTokens refuses, before anything is built, the parts of YAML that a
// configuration of keys and values has no use for.
func (p *configParser) checkTokens(tokens token.Tokens) error {
	depth := 0
	for i, tk := range tokens {
		if i == maxConfigTokens {
			return p.errorAt(tk, "", "too long for a configuration", "")
		}
		refused := ""
		switch tk.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			refused = "anchors and aliases are"
		case token.TagType:
			refused = "a tag is"
		case token.SequenceEntryType, token.SequenceStartType, token.SequenceEndType:
			refused = "a list is"
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
			if depth++; depth > maxConfigDepth {
				return p.errorAt(tk, "", "braces nested too deeply", "")
			}
		case token.MappingEndType:
			depth--
		}
		if refused != "" {
			return p.errorAt(tk, "", refused+" not part of a configuration", "write key: value")
		}
	}
	return nil
}

// mapping applies the keys of one level. section is "" at the top.
func (p *configParser) mapping(section string, node ast.Node) error {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return p.errorAt(node.GetToken(), section, "is not a group of keys", "write key: value")
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

func (p *configParser) value(section, key string, keyToken *token.Token, node ast.Node) error {
	for _, s := range p.settings {
		if s.key == key && s.section() == section {
			text, err := p.scalar(s, node)
			if err != nil {
				return err
			}
			if err := s.set(text); err != nil {
				return at(p.place(node.GetToken()), err)
			}
			return nil
		}
		if section == "" && s.section() == key {
			if node == nil || node.Type() == ast.NullType || node.Type() == ast.CommentType {
				return nil // a group whose keys are all commented out
			}
			return p.mapping(key, node)
		}
	}
	return unknownKey(p.place(keyToken), key)
}

// scalar returns the text of a single value.
func (p *configParser) scalar(s setting, node ast.Node) (string, error) {
	if node == nil || node.Type() == ast.NullType {
		var tk *token.Token
		if node != nil {
			tk = node.GetToken()
		}
		return "", p.errorAt(tk, s.key, "has no value", "write "+s.key[strings.LastIndexByte(s.key, '.')+1:]+": value, or leave the key out")
	}
	tk := node.GetToken()
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.BoolNode:
	default:
		return "", p.errorAt(tk, s.key, "wants a single value", "")
	}
	if _, isText := s.value.(*string); !isText && (tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType) {
		return "", p.errorAt(tk, s.key, "wants a number, not a text in quotes", "write "+quoteShort(tk.Value)+" without quotes")
	}
	return tk.Value, nil
}
