package main

import (
	"cmp"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A source is a package of the module as it is written.
type source struct {
	dir    string
	about  string // the first sentence of its documentation
	files  []*ast.File
	consts map[string]ast.Expr     // of the package, and its variables
	hinted map[string]bool         // types that have a hint
	calls  map[string][]calledFrom // by the name of the function
	funcs  map[string]*ast.FuncDecl
}

// A calledFrom is a call and the function that it stands in.
type calledFrom struct {
	call *ast.CallExpr
	from *ast.FuncDecl
}

// A remedy is an error that the code can give and what it says to do; ellipsis
// parts are an ellipsis.
type remedy struct {
	dir, fault, hint string
	at               token.Position
}

var positions = token.NewFileSet()

// sources reads the module, but for tests and the tools of developers.
var sources = sync.OnceValues(func() (map[string]*source, error) {
	all := map[string]*source{}
	module := os.DirFS("../..")
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || name == "tools"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if all[dir] == nil {
			all[dir] = &source{dir: dir, consts: map[string]ast.Expr{}, hinted: map[string]bool{}, calls: map[string][]calledFrom{}, funcs: map[string]*ast.FuncDecl{}}
		}
		all[dir].add(file)
		return nil
	})
	return all, err
})

func (s *source) add(file *ast.File) {
	s.files = append(s.files, file)
	if file.Doc != nil && s.about == "" {
		s.about = new(doc.Package).Synopsis(file.Doc.Text())
	}
	for _, d := range file.Decls {
		from, _ := d.(*ast.FuncDecl)
		if from != nil {
			s.funcs[from.Name.Name] = from
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if hasHint(n.Type) {
					s.hinted[n.Name.Name] = true
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) && from == nil {
						s.consts[name.Name] = n.Values[i]
					}
				}
			case *ast.CallExpr:
				if name := lastName(n.Fun); name != "" {
					s.calls[name] = append(s.calls[name], calledFrom{n, from})
				}
			}
			return true
		})
	}
}

// lastName returns b of a.b, and b of b.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// remedies lists all errors of the module with what they say to do, which is
// nothing where they say nothing.
func remedies(t *testing.T) (list []remedy) {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		list = append(list, reader{all: all, in: s}.tables()...)
		for _, file := range s.files {
			for _, d := range file.Decls {
				fn, _ := d.(*ast.FuncDecl)
				r := reader{all: all, in: s, fn: fn}
				list = append(list, r.literals(d)...)
				list = append(list, r.assigned()...)
			}
		}
	}
	slices.SortFunc(list, func(a, b remedy) int {
		return cmp.Or(strings.Compare(a.dir, b.dir), strings.Compare(a.fault, b.fault), strings.Compare(a.hint, b.hint))
	})
	return slices.CompactFunc(list, func(a, b remedy) bool { return a.dir == b.dir && a.fault == b.fault && a.hint == b.hint })
}

// literals lists the errors that are written out in a declaration.
func (r reader) literals(d ast.Decl) (list []remedy) {
	ast.Inspect(d, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok {
			if fault, hint, ok := errorParts(lit); ok && r.hinted(lit) {
				list = append(list, r.at(lit, fault, hint, 0)...)
			}
		}
		return true
	})
	return list
}

// hinted tells whether a literal is of a type that has a hint.
func (r reader) hinted(lit *ast.CompositeLit) bool {
	name := lastName(lit.Type)
	if x, ok := lit.Type.(*ast.SelectorExpr); ok {
		for dir, other := range r.all {
			if packageName(dir) == lastName(x.X) {
				return other.hinted[name]
			}
		}
	}
	return r.in.hinted[name]
}

// errorParts returns the expressions of fault and remedy of an error's literal;
// hint is nil if it has none.
func errorParts(lit *ast.CompositeLit) (fault, hint ast.Expr, ok bool) {
	name := lastName(lit.Type)
	if !strings.HasSuffix(name, "Error") || strings.HasPrefix(name, "Error") && name != "Error" {
		return nil, nil, false
	}
	for i, e := range lit.Elts {
		field, isField := e.(*ast.KeyValueExpr)
		switch {
		case !isField && i == 0:
			fault = e
		case !isField && i == 1:
			hint = e
		case isField:
			switch strings.ToLower(lastName(field.Key)) {
			case "fault", "what", "problem":
				fault = field.Value
			case "hint":
				hint = field.Value
			}
		}
	}
	return fault, hint, fault != nil
}

// at lists what an error may say, once for each call where it depends on
// parameters of the function that it stands in.
func (r reader) at(lit ast.Node, fault, hint ast.Expr, deep int) (list []remedy) {
	if r.bound == nil && r.fn != nil && deep < 3 && mentions(parameters(r.fn), fault, hint) {
		for _, c := range r.in.calls[r.fn.Name.Name] {
			caller := reader{all: r.all, in: r.in, fn: c.from}
			inner := r
			inner.bound = caller.bind(r.fn, c.call)
			list = append(list, inner.at(c.call, fault, hint, deep+1)...)
		}
		if list != nil {
			return list
		}
	}
	hints := []string{""}
	if hint != nil {
		hints = r.texts(hint)
	} else if r.hintsLater() {
		hints = []string{ellipsis}
	}
	for _, f := range r.texts(fault) {
		for _, h := range hints {
			list = append(list, remedy{r.in.dir, tidy(f), tidy(h), positions.Position(lit.Pos())})
		}
	}
	return list
}

// hintsLater tells whether the function gives an error its remedy after it has
// made it.
func (r reader) hintsLater() (found bool) {
	if r.fn == nil || r.fn.Body == nil {
		return false
	}
	ast.Inspect(r.fn.Body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok {
			for _, left := range a.Lhs {
				if _, field := left.(*ast.SelectorExpr); field && strings.EqualFold(lastName(left), "hint") {
					found = true
				}
			}
		}
		return true
	})
	return found
}

// tables lists the remedies in a package's maps of them, which are called
// somethingHints, each with its key.
func (r reader) tables() (list []remedy) {
	for name, value := range r.in.consts {
		table, ok := value.(*ast.CompositeLit)
		if !ok || !strings.HasSuffix(name, "Hints") {
			continue
		}
		for _, e := range table.Elts {
			if e, ok := e.(*ast.KeyValueExpr); ok {
				list = append(list, r.at(e, e.Key, e.Value, 0)...)
			}
		}
	}
	return list
}

// mentions tells whether expressions have one of the names.
func mentions(names []string, list ...ast.Expr) (found bool) {
	for _, e := range list {
		if e == nil {
			continue
		}
		ast.Inspect(e, func(n ast.Node) bool {
			if x, ok := n.(*ast.Ident); ok && slices.Contains(names, x.Name) {
				found = true
			}
			return true
		})
	}
	return found
}

var (
	blanks   = regexp.MustCompile(`\s+`)
	ellipses = regexp.MustCompile(`…([^\pL\pN]{0,2}…)+`)
)

func tidy(text string) string {
	return strings.TrimSpace(ellipses.ReplaceAllString(blanks.ReplaceAllString(text, " "), ellipsis))
}

// assigned lists the remedies that the function gives to an error after it has
// made it, and those that a method Remedy returns.
func (r reader) assigned() (list []remedy) {
	if r.fn == nil || r.fn.Body == nil {
		return nil
	}
	fault := ellipsis
	if r.fn.Name.Name == "Remedy" {
		for _, h := range r.returned() {
			if h = tidy(h); h != ellipsis && h != "" {
				list = append(list, remedy{r.in.dir, "`" + receiver(r.fn) + "`", h, positions.Position(r.fn.Pos())})
			}
		}
		return list
	}
	ast.Inspect(r.fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if f, _, ok := errorParts(n); ok {
				fault = r.texts(f)[0]
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if _, field := left.(*ast.SelectorExpr); !strings.EqualFold(lastName(left), "hint") || len(n.Rhs) != len(n.Lhs) || !field && !r.shows() {
					continue
				}
				for _, h := range r.texts(n.Rhs[i]) {
					if h = tidy(h); h != ellipsis && h != "" {
						list = append(list, remedy{r.in.dir, tidy(fault), h, positions.Position(n.Pos())})
					}
				}
			}
		}
		return true
	})
	return list
}

// shows tells whether the function prints hints of its own.
func (r reader) shows() bool { return r.fn.Name.Name == "report" || r.fn.Name.Name == "fatal" }
