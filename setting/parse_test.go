package setting

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got := defaults()
	err := got.settings().Parse("f", []byte(`# a comment
data: "fashion-mnist"
epochs: 60 # as published
sampler: {noise: 2.5, grad_clip: .inf}
network:
  # none
buffer:
  # restart_probability: 0.5
`))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Data, want.Epochs, want.Noise = "fashion-mnist", 60, 2.5
	want.settings().Set("sampler.grad_clip=.inf")
	if !same(got, want) {
		t.Errorf("got %+v", got)
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n", "{}"} {
		if err := got.settings().Parse("f", []byte(empty)); err != nil || !same(got, want) {
			t.Errorf("%q: %+v, %v", empty, got, err)
		}
	}
}

// nested is a list in a list, so many deep.
func nested(depth int) string {
	var b strings.Builder
	b.WriteString("network:\n")
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i%60) + "- layers:\n")
	}
	return b.String()
}

var parseErrors = []struct{ text, want string }{
	{"epoch: 3", `f.yaml:1:1: unknown key "epoch"; did you mean "epochs"?`},
	{"seed: 1\noptimizer:\n  lerning_rate: 1", `f.yaml:3:3: unknown key "optimizer.lerning_rate"; did you mean "optimizer.learning_rate"?`},
	{"learning_rate: 1", `f.yaml:1:1: unknown key "learning_rate"; did you mean "optimizer.learning_rate"?`},
	{"optimiser:\n  beta1: 0", `f.yaml:1:1: unknown key "optimiser"; did you mean "optimizer"?`},
	{"zebra: 1", `f.yaml:1:1: unknown key "zebra"; joule train --print-config lists all keys`},
	{"optimizer.beta1: 0.5", `f.yaml:1:1: unknown key "optimizer.beta1"`},
	{"optimizer: 3", `f.yaml:1:12: optimizer: is not a group of keys`},
	{"epochs: many", `f.yaml:1:9: epochs: "many" is not a whole number`},
	{"epochs: 2.5", `f.yaml:1:9: epochs: "2.5" is not a whole number`},
	{"epochs: '3'", `f.yaml:1:9: epochs: wants a number, not a text in quotes; write "3" without quotes`},
	{"epochs: {a: 1}", `f.yaml:1:`},
	{"epochs: [1]", `f.yaml:1:9: a list is not part of a configuration`},
	{"epochs:\nseed: 1", `epochs: has no value`},
	{"epochs: 0", `f.yaml:1:9: epochs: 0 is not within 1 to 1000000`},
	{"epochs: 99999999999999999999999", `f.yaml:1:9: epochs: "99999999999999999999999" is not within 1 to 1000000`},
	{"seed: -1", `f.yaml:1:7: seed: "-1" is not a whole number from 0`},
	{"seed: 18446744073709551616", `is not within 0 to 18446744073709551615`},
	{"sampler: {noise: .nan}", `sampler.noise: ".nan" is not a number`},
	{"sampler: {noise: 1e99}", `sampler.noise: "1e99" is not within`},
	{"sampler: {noise: true}", `sampler.noise: "true" is not a number`},
	{"buffer: {restart_probability: 1.5}", `f.yaml:1:31: buffer.restart_probability: 1.5 is not within 0 to 1`},
	{"data: cifar", `f.yaml:1:7: data: "cifar" is not one of mnist, fashion-mnist`},
	{"seed: 1\nseed: 2", `f.yaml:2:1: mapping key "seed" already defined`},
	{"seed: 1\n\tepochs: 2", `f.yaml:2:`},
	{"a: &x 1", `f.yaml:1:4: anchors and aliases are not part of a configuration`},
	{"<<: *x", `f.yaml:1:`},
	{"seed: !!int 1", `a tag is not part`},
	{"seed: 1\n---\nseed: 2", `a second YAML document`},
	{"hello", `is not a group of keys`},
	{"{", `f.yaml:1:`},
	{"seed: \"", `f.yaml:1:`},
	{strings.Repeat("# a long file\n", MaxBytes/10), `too many for a configuration`},
	{"network: {layers: 3}", `f.yaml:1:19: network.layers: wants a list; write an item a line`},
	{"network: {layers: {a: 1}}", `network.layers: wants a list`},
	{"network:\n  layers:", `f.yaml:2:11: network.layers: has no value; write an item a line`},
	{"network:\n  layers: [silu, [silu]]", `f.yaml:2:18: a list is not part of a configuration`},
	{"network:\n  layers: [silu, {a: 1}]", `f.yaml:2:`},
	{"network:\n  layers:\n  - silu\n  - - silu", `f.yaml:4:5: a list is not part`},
	{"network:\n  layers:\n  -\n  - silu", `network.layers: an item is empty; an item begins with a letter`},
	{"network:\n  layers:\n  - conv2d: 3", `f.yaml:3:11: network.layers: wants a single value; an item begins`},
	{"network:\n  layers:\n  - silu\nepochs:\n  - 1", `f.yaml:5:3: a list is not part`},
	{"network:\n  layers:\n  - silu\nsampler:\n  - 1", `f.yaml:5:3: sampler: is not a group of keys`},
	{"network:\n  - silu", `f.yaml:2:3: a list is not part`},
	{"layers: [silu]", `f.yaml:1:1: unknown key "layers"; did you mean "network.layers"?`},
	{"- layers: [silu]", `f.yaml:1:1: a list is not part`},
	{"network:\n  layers:\n  - silu\n  - zebra 3", `f.yaml:3:3: network.layers: no layer is called "zebra"; write conv2d`},
	{"network:\n  layers: [odd]", `f.yaml:2:11: network.layers: a plain error`},
	{"network:\n  layers: [silu, \"a,b\"]", `f.yaml:2:18: network.layers: "a,b" cannot be an item of a list; an item begins with a letter`},
	{"network:\n  layers: [1]", `f.yaml:2:12: network.layers: "1" cannot be an item`},
	{"network: {layers: " + strings.Repeat("[", MaxBytes/2), `f.yaml:1:20: a list`},
	{nested(1200), `f.yaml:`},
	{strings.Repeat("[", MaxBytes), `f.yaml:1:1: a list`},
	{strings.Repeat("{", MaxBytes), `too deeply`},
	{strings.Repeat("a: ", MaxBytes/3), `too long for a configuration`},
}

// TestParseErrors: a fault is told in a line, with its place. Texts that are
// nested as deeply as they are long would take hours if they were not bounded.
func TestParseErrors(t *testing.T) {
	for _, test := range parseErrors {
		err := defaults().settings().Parse("f.yaml", []byte(test.text))
		if err == nil {
			t.Errorf("%.60q: no error", test.text)
			continue
		}
		if !strings.Contains(told(err), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %q, want %q", test.text, err, test.want)
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.60q: error of type %T", test.text, err)
		}
	}
}

// FuzzParse: what is read is written and read back as the same.
func FuzzParse(f *testing.F) {
	f.Add(defaults().settings().YAML())
	for _, s := range []string{
		"", "epochs: 3", "sampler: {noise: .inf}", "a: &x [*x]", "? a\n: b", "- a\n- b", "seed: |\n  1",
		"optimizer:\n  beta1: 0\n beta2: 1", "data: '/it''s: #1'", "{seed: 1, epochs: 2}", "- : {",
		"network: {layers: [silu, 'linear 3', conv2d 16 kernel=5]}", "network:\n  layers: # c\n  - silu\n\n  # c\n  - linear\n    3",
		"network:\n  layers: [silu,\n  \"linear\\n3\", ]\nepochs: 3", "network:\n  layers:\n  - layers:\n    - layers: [a]", "network: {layers: [null, ~, true]}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, back := defaults(), &config{}
		if err := c.settings().Parse("f", data); err != nil {
			var e *Error
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("error %T %q", err, err)
			}
			return
		}
		if err := c.settings().Check(); err != nil {
			t.Fatal(err)
		}
		if err := back.settings().Parse("f", c.settings().YAML()); err != nil || !same(c, back) {
			t.Fatalf("round trip: %v\n%s", err, c.settings().YAML())
		}
		if !slices.Equal(c.Layers.items, back.Layers.items) {
			t.Fatalf("layers %q became %q", c.Layers.items, back.Layers.items)
		}
	})
}
