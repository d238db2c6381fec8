// Package recipe holds configurations to start from, by name. Start with Find, or
// All for the list.
package recipe

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/setting"
)

//go:embed *.yaml
var files embed.FS

// A Recipe is a named configuration that Joule comes with. What it leaves out
// is as in [joule.DefaultConfig].
type Recipe struct {
	Name  string
	About string // a line on it, the file's first
	YAML  []byte // the file, with its comments
}

// All lists the recipes by name.
func All() []Recipe {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic("recipe: " + err.Error()) // the pattern is well formed
	}
	var list []Recipe
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			panic("recipe: " + err.Error()) // it was listed
		}
		first, _, _ := strings.Cut(string(data), "\n")
		list = append(list, Recipe{
			Name:  strings.TrimSuffix(path.Base(name), ".yaml"),
			About: strings.TrimSpace(strings.TrimPrefix(first, "#")),
			YAML:  data,
		})
	}
	slices.SortFunc(list, func(a, b Recipe) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Find returns the recipe of that name; a [*setting.Error] suggests
// another if there is none.
func Find(name string) (Recipe, error) {
	var names []string
	for _, r := range All() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	e := &setting.Error{Key: "recipe", Problem: fmt.Sprintf("%s is not one of %s", setting.Quote(name), strings.Join(names, ", ")), Hint: "joule recipes describes them"}
	if near := setting.Nearest(name, names); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return Recipe{}, e
}

// Config returns the settings of the recipe over base.
func (r Recipe) Config(base joule.Config) (joule.Config, error) {
	return joule.ParseConfig("recipe "+r.Name, r.YAML, base)
}
