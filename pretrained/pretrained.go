// Package pretrained holds the models that Joule comes with, so that there is
// something to sample from and to score with before any training. Start with
// Load.
//
// Each is what its recipe makes: joule reproduce trains it again, to the same
// bits.
package pretrained

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"sync"
	"text/template"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/evaluate"
)

//go:embed *.safetensors *.json card.tmpl
var files embed.FS

// A Model is a model in the binary.
type Model struct {
	Name   string // of the data set it is of, and of the model
	Recipe string // that trains it

	load                func() *joule.Model
	kinds, cost, faults string // for the card
}

var models = []Model{
	{
		Name: "mnist", Recipe: "mnist-best", load: sync.OnceValue(func() *joule.Model { return decode("mnist") }),
		kinds: "digits", faults: "some are no digits.",
		cost: "On two cores of an AMD EPYC (Zen 5, AVX-512) that took 25 minutes and 239 MB.",
	},
	{
		Name: "fashion-mnist", Recipe: "fashion-mnist-best", load: sync.OnceValue(func() *joule.Model { return decode("fashion-mnist") }),
		kinds: "clothes", faults: "patterns and lettering come out faint.",
		cost: "On one core of an AMD EPYC (Zen 5, AVX-512), beside other work, that took 48 minutes and 241 MB.",
	},
}

// Models lists the models.
func Models() []Model { return models }

// Names returns the names of the models.
func Names() []string {
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// Find returns the model of that name, or the one that the recipe of that
// name makes.
func Find(name string) (Model, bool) {
	for _, m := range models {
		if m.Name == name || m.Recipe == name {
			return m, true
		}
	}
	return Model{}, false
}

// Load returns the model of that name, as [Find] finds it. All callers share
// it.
func Load(name string) (*joule.Model, error) {
	m, ok := Find(name)
	if !ok {
		return nil, fmt.Errorf("pretrained: no model %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return m.Load(), nil
}

// Load returns the weights. All callers share them.
func (m Model) Load() *joule.Model { return m.load() }

// Report returns what joule eval found of the model.
func (m Model) Report() *evaluate.Report {
	r, err := evaluate.Read(bytes.NewReader(read(m.Name + ".json")))
	if err != nil {
		panic("pretrained: " + err.Error()) // the tests read them all
	}
	return r
}

var card = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("card").Parse(string(read("card.tmpl"))))
})

// Card returns the model card, Markdown for people: data, recipe, cost,
// figures, limits and licences.
func (m Model) Card() []byte {
	data, err := dataset.About(m.Name)
	if err != nil {
		panic("pretrained: " + err.Error())
	}
	model := m.Load()
	c := model.Card()
	var b bytes.Buffer
	if err := card().Execute(&b, map[string]any{
		"Name": m.Name, "Recipe": m.Recipe, "Data": data, "Report": m.Report(), "Parameters": model.Parameters(),
		"KB": len(read(m.Name+".safetensors")) / 1000, "Config": c.Config, "Epochs": c.Epochs, "Steps": c.Steps,
		"Trained": 60000 - int(c.Config.Holdout), "Kinds": m.kinds, "Cost": m.cost, "Faults": m.faults,
	}); err != nil {
		panic("pretrained: " + err.Error())
	}
	return b.Bytes()
}

func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("pretrained: " + err.Error()) // the tests read them all
	}
	return b
}

func decode(name string) *joule.Model {
	b := read(name + ".safetensors")
	m, err := joule.DecodeModel(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		panic("pretrained: " + err.Error())
	}
	return m
}
