package main

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// A reader works out what texts an expression in a function may be.
type reader struct {
	all   map[string]*source
	in    *source
	fn    *ast.FuncDecl
	bound map[string][]string // parameters, at one call
	deep  int
}

const ellipsis = "…"

// texts returns what e may be. It gives up beyond a few steps.
func (r reader) texts(e ast.Expr) []string {
	if r.deep++; r.deep > 6 {
		return []string{ellipsis}
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{text}
		}
		return []string{ellipsis}
	case *ast.ParenExpr:
		return r.texts(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return []string{ellipsis}
		}
		var list []string
		for _, a := range r.texts(e.X) {
			for _, b := range r.texts(e.Y) {
				list = append(list, a+b)
			}
		}
		return list
	case *ast.Ident:
		return r.named(e.Name)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			for dir, other := range r.all {
				if packageName(dir) == x.Name && other.consts[e.Sel.Name] != nil {
					return reader{all: r.all, in: other, deep: r.deep}.texts(other.consts[e.Sel.Name])
				}
			}
		}
	case *ast.CallExpr:
		return r.called(e)
	}
	return []string{ellipsis}
}

// packageName returns how code speaks of the package in a folder.
func packageName(dir string) string {
	if dir == "." {
		return "joule"
	}
	return path.Base(dir)
}

// named returns what a parameter, a variable of the function or a constant may
// be.
func (r reader) named(name string) []string {
	if list, ok := r.bound[name]; ok {
		return list
	}
	var list []string
	if r.fn != nil && r.fn.Body != nil {
		ast.Inspect(r.fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, x := range n.Names {
					if x.Name == name && i < len(n.Values) {
						list = append(list, r.texts(n.Values[i])...)
					}
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if x, ok := left.(*ast.Ident); ok && x.Name == name && len(n.Lhs) == len(n.Rhs) && n.Tok != token.ADD_ASSIGN {
						list = append(list, r.texts(n.Rhs[i])...)
					}
				}
			}
			return true
		})
	}
	if len(list) == 0 && r.in.consts[name] != nil && name != "err" {
		return r.texts(r.in.consts[name])
	}
	if len(list) == 0 {
		list = []string{ellipsis}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var verb = regexp.MustCompile(`%(?:[-+#0-9.*\[\]]*[a-zA-Z]| x)`)

// called returns what a call may return: of fmt.Sprintf the text with what its
// arguments may be, of another function of the package what it returns.
func (r reader) called(e *ast.CallExpr) []string {
	name := lastName(e.Fun)
	if name == "Sprintf" && len(e.Args) > 0 {
		var list []string
		for _, format := range r.texts(e.Args[0]) {
			n := 0
			list = append(list, verb.ReplaceAllStringFunc(format, func(string) string {
				n++
				if n < len(e.Args) && e.Ellipsis == token.NoPos {
					if one := r.texts(e.Args[n]); len(one) == 1 {
						return one[0]
					}
				}
				return ellipsis
			}))
		}
		return list
	}
	fn := r.in.funcs[name]
	if fn == nil || fn.Body == nil || fn.Type.Results == nil || len(fn.Type.Results.List) != 1 || name == "Error" {
		return []string{ellipsis}
	}
	if result, ok := fn.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "string" {
		return []string{ellipsis}
	}
	inner := reader{all: r.all, in: r.in, fn: fn, bound: r.bind(fn, e), deep: r.deep}
	return inner.returned()
}

// returned lists what the function returns.
func (r reader) returned() (list []string) {
	ast.Inspect(r.fn.Body, func(n ast.Node) bool {
		if ret, ok := n.(*ast.ReturnStmt); ok && len(ret.Results) == 1 {
			list = append(list, r.texts(ret.Results[0])...)
		}
		return true
	})
	return list
}

// bind gives the parameters of fn what a call passes.
func (r reader) bind(fn *ast.FuncDecl, call *ast.CallExpr) map[string][]string {
	bound := map[string][]string{}
	for i, name := range parameters(fn) {
		if i < len(call.Args) {
			bound[name] = r.texts(call.Args[i])
		}
	}
	return bound
}

func parameters(fn *ast.FuncDecl) (names []string) {
	if fn == nil {
		return nil
	}
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}
