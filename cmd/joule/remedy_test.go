package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestRemedies: every error of the module that has a hint hands it out by the
// method that the commands ask for.
func TestRemedies(t *testing.T) {
	hints, methods := map[string]bool{}, map[string]bool{} // "dataset.Error", "dataset.Error.Remedy"
	module := os.DirFS("../..")
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(name, ".") && name != "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if hasHint(n.Type) {
					hints[folder+"."+n.Name.Name] = true
				}
			case *ast.FuncDecl:
				if n.Recv != nil {
					methods[folder+"."+receiver(n)+"."+n.Name.Name] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	errors := 0
	for name := range hints {
		if !methods[name+".Error"] {
			continue
		}
		errors++
		if !methods[name+".Remedy"] {
			t.Errorf("%s has a hint, and no method Remedy", name)
		}
	}
	if errors < 14 {
		t.Errorf("only %d errors with hints are found", errors)
	}
}

// hasHint tells whether a type is a struct with a hint.
func hasHint(t ast.Expr) bool {
	s, ok := t.(*ast.StructType)
	return ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		return slices.ContainsFunc(f.Names, func(name *ast.Ident) bool { return strings.EqualFold(name.Name, "hint") })
	})
}

// receiver returns the name of the type that a method is of.
func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
