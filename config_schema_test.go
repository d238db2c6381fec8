package joule_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/python"
	"github.com/joule-ml/joule/recipe"
)

// A schemaNode is a part of a JSON schema: a setting, or a group of them.
type schemaNode struct {
	Type        any
	Description string
	Enum        []string
	AnyOf       []struct{ Enum []string }
	Minimum     json.Number
	Maximum     json.Number
	Default     json.RawMessage
	Properties  map[string]json.RawMessage
	Additional  *bool `json:"additionalProperties"`
}

func parseNode(t *testing.T, data []byte) (n schemaNode) {
	t.Helper()
	if err := json.Unmarshal(data, &n); err != nil {
		t.Fatal(err)
	}
	if len(n.AnyOf) > 0 {
		n.Type, n.Enum = "string", n.AnyOf[0].Enum
	}
	return n
}

// TestConfigSchema: the schema has every setting, and allows the values that
// [Config.Set] takes and no others.
func TestConfigSchema(t *testing.T) {
	root := parseNode(t, joule.ConfigSchema())
	groups := map[string]schemaNode{"": root}
	c := joule.DefaultConfig()
	list := c.Settings()
	for _, s := range list {
		section, name := "", s.Key
		if before, after, ok := strings.Cut(s.Key, "."); ok {
			section, name = before, after
		}
		if _, ok := groups[section]; !ok {
			groups[section] = parseNode(t, root.Properties[section])
		}
		n := parseNode(t, groups[section].Properties[name])
		if n.Description != s.About || n.Type == nil || len(n.Enum) != len(s.Names) {
			t.Errorf("%s: %+v", s.Key, n)
		}
		if value, err := s.MarshalJSON(); err != nil || n.Default != nil && string(value) != string(n.Default) {
			t.Errorf("%s: default %s, want %s", s.Key, n.Default, value)
		}
		checkAllowed(t, s.Key, n)
	}
	count := 0
	for name, g := range groups {
		if g.Additional == nil || *g.Additional {
			t.Errorf("group %q takes unknown keys", name)
		}
		count += len(g.Properties)
	}
	if count != len(list)+len(groups)-1 {
		t.Errorf("%d properties for %d settings in %d groups", count, len(list), len(groups)-1)
	}
}

// checkAllowed holds [Config.Set] to the names and bounds of a setting's node.
func checkAllowed(t *testing.T, key string, n schemaNode) {
	t.Helper()
	set := func(value string) error {
		c := joule.DefaultConfig()
		return c.Set(key + "=" + value)
	}
	for _, name := range n.Enum {
		if err := set(name); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for i, bound := range []json.Number{n.Minimum, n.Maximum} {
		if bound == "" {
			continue
		}
		if err := set(bound.String()); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		// Twice the bound lies beyond it, unless it is on the other side of
		// zero or zero itself.
		v, err := bound.Float64()
		if err != nil {
			t.Fatal(err)
		}
		beyond := strconv.FormatFloat(2*v, 'f', -1, 64)
		if v == 0 {
			beyond = []string{"-1", "1"}[i]
		}
		if ((v > 0) == (i == 1) || v == 0) && set(beyond) == nil {
			t.Errorf("%s takes %s, beyond %s", key, beyond, bound)
		}
	}
}

// TestConfigSchemaPython holds the schema to draft 2020-12, and to it the
// defaults, the recipes, and what must not pass.
func TestConfigSchemaPython(t *testing.T) {
	path := python.Need(t, "import jsonschema")
	type example struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
		Valid bool   `json:"valid"`
	}
	var examples []example
	add := func(name string, data []byte, valid bool) {
		t.Helper()
		var value any
		// JSON has no infinity: the largest number stands for it.
		if err := yaml.Unmarshal(bytes.ReplaceAll(data, []byte(": .inf"), []byte(": 1.7e308")), &value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		examples = append(examples, example{name, value, valid})
		// The parser agrees.
		if _, err := joule.ParseConfig(name, data, joule.DefaultConfig()); (err == nil) != valid {
			t.Errorf("%s: the parser says %v", name, err)
		}
	}
	add("defaults", joule.DefaultConfig().YAML(), true)
	for _, r := range recipe.All() {
		add(r.Name, r.YAML, true)
	}
	for text, valid := range map[string]bool{
		"": true, "# nothing": true, "{}": true, "schedule:\n  # gamma: 0.5\n": true,
		"seed: 18446744073709551615": true, "sampler: {noise: 0, step_size: 2.5}": true, "optimizer: {learning_rate: 1.0e-3}": true,
		"data: ./photos": true, "data: 'C:\\my photos'": true, "data: .": true, "data: photos": false,
		"epoch: 3": false, "optimizer: {lerning_rate: 1}": false, "optimizer.beta1: 0.5": false, "optimizer: 3": false,
		"epochs: many": false, "epochs: 2.5": false, "epochs: '3'": false, "epochs: 0": false, "epochs: 1000001": false,
		"seed: -1": false, "data: cifar": false, "buffer: {restart_probability: 1.5}": false, "sampler: {noise: -1}": false,
	} {
		add(text, []byte(text), valid)
	}
	validate(t, path, map[string]any{"schema": json.RawMessage(joule.ConfigSchema()), "examples": examples})
}

// validate asks Python's jsonschema whether examples are valid.
func validate(t *testing.T, path string, what any) {
	t.Helper()
	input, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	const script = `
import json, sys
from jsonschema import Draft202012Validator
d = json.load(sys.stdin)
assert d["schema"]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
Draft202012Validator.check_schema(d["schema"])
v = Draft202012Validator(d["schema"])
assert len(d["examples"]) > 20
for e in d["examples"]:
    faults = [f.message for f in v.iter_errors(e["value"])]
    assert (not faults) == e["valid"], (e["name"], faults)
`
	cmd := exec.Command(path, "-c", script)
	cmd.Stdin = strings.NewReader(string(input))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
