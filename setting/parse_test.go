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

// repeated is a word so many times, between commas.
func repeated(word string, n int) string { return strings.TrimSuffix(strings.Repeat(word+",", n), ",") }

var parseErrors = []struct{ text, want string }{
	{"epoch: 3", `f.yaml:1:1: unknown key "epoch"; did you mean "epochs"?`},
	{"seed: 1\noptimizer:\n  lerning_rate: 1", `f.yaml:3:3: unknown key "optimizer.lerning_rate"; did you mean "optimizer.learning_rate"?`},
	{"learning_rate: 1", `f.yaml:1:1: unknown key "learning_rate"; did you mean "optimizer.learning_rate"?`},
	{"optimiser:\n  beta1: 0", `f.yaml:1:1: unknown key "optimiser"; did you mean "optimizer"?`},
	{"zebra: 1", `f.yaml:1:1: unknown key "zebra"; joule train --print-config lists all keys`},
	{"optimizer.beta1: 0.5", `f.yaml:1:1: unknown key "optimizer.beta1"; write beta1 in the group optimizer`},
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
	{"seed: 1\nseed: 2", `f.yaml:2:1: key "seed" stands twice; keep one of them`},
	{"seed: 1\n\tepochs: 2", `f.yaml:2:`},
	{"a: &x 1", `f.yaml:1:1: unknown key "a"`},
	{"<<: *x", `f.yaml:1:`},
	{"%YAML 1.2\n---\nseed: 1", `f.yaml:1:1: found incompatible YAML document; leave out the line %YAML`},
	{"<<: 3", `f.yaml:1:5: is not a group of keys`},
	{"sampler: &s {noise: 1}\n<<: *s", `f.yaml:1:14: unknown key "noise"`},
	{"<<: {seed: 1}\n<<: {seed: 2}", `f.yaml:2:1: key "<<" stands twice`},
	{"<<: &a\n  <<: *a", `too long for a configuration`},
	{"<<: [&a {}, &b {<<: [" + repeated("*a", 70) + "]}, &c {<<: [" + repeated("*b", 70) + "]}]", `too long for a configuration`},
	{"seed: !x 1", `f.yaml:1:7: seed: the tag "!x" is not part of a configuration; leave it out`},
	{"seed: !!str 1", `f.yaml:1:7: seed: wants a number, not a text in quotes`},
	{"seed: |\n  1", `f.yaml:1:7: seed: wants a number, not a text`},
	{"data: !!int 1", `the tag "!!int" is not part`},
	{"--- !x\nseed: 1", `the tag "!x" is not part`},
	{"? {seed: 1}\n: 2", `a group or a list cannot be a key`},
	{"epochs: 017", `f.yaml:1:9: epochs: "017" begins with a zero, so it is octal to some programs; write 17`},
	{"epochs: 0o17", `epochs: "0o17" is not a whole number; it means: passes`},
	{"epochs: 1:30", `epochs: "1:30" is not a whole number`},
	{"epochs: yes", `epochs: "yes" is not a whole number`},
	{"seed: 1\x00", `f.yaml: control characters are not allowed (value: 0); save it as plain text in UTF-8`},
	{"seed: 1 # \xe9", `f.yaml: incomplete UTF-8 octet sequence; save it as plain text in UTF-8`},
	{"\tseed: 1", `f.yaml:1:1: found character that cannot start any token; indent with spaces`},
	{"# yes\nseed: @1", `f.yaml:2:7: found character that cannot start any token; indent with spaces`},
	{"seed: 1\n---\nseed: 2", `a second YAML document`},
	{"hello", `is not a group of keys`},
	{"{", `did not find expected node content; joule train --print-config`},
	{"seed: \"", `f.yaml:1:`},
	{strings.Repeat("# a long file\n", MaxBytes/10), `too many for a configuration`},
	{"network: {layers: 3}", `f.yaml:1:19: network.layers: wants a list; write an item a line`},
	{"network: {layers: {a: 1}}", `network.layers: wants a list`},
	{"network:\n  layers:", `f.yaml:2:10: network.layers: has no value; write an item a line`},
	{"network:\n  layers: [silu, [silu]]", `f.yaml:2:18: a list is not part of a configuration`},
	{"network:\n  layers: [silu, {a: 1}]", `f.yaml:2:`},
	{"network:\n  layers:\n  - silu\n  - - silu", `f.yaml:4:5: a list is not part`},
	{"network:\n  layers:\n  -\n  - silu", `network.layers: an item is empty; an item begins with a letter`},
	{"network:\n  layers:\n  - conv2d: 3", `f.yaml:3:5: network.layers: wants a single value; an item begins`},
	{"network:\n  layers:\n  - silu\nepochs:\n  - 1", `f.yaml:5:3: a list is not part`},
	{"network:\n  layers:\n  - silu\nsampler:\n  - 1", `f.yaml:5:3: sampler: is not a group of keys`},
	{"network:\n  - silu", `f.yaml:2:3: network: is not a group of keys; write a group as joule train --print-config does`},
	{"layers: [silu]", `f.yaml:1:1: unknown key "layers"; did you mean "network.layers"?`},
	{"- layers: [silu]", `f.yaml:1:1: is not a group of keys`},
	{"network:\n  layers:\n  - silu\n  - zebra 3", `f.yaml:3:3: network.layers: no layer is called "zebra"; write conv2d`},
	{"network:\n  layers: [odd]", `f.yaml:2:11: network.layers: a plain error`},
	{"network:\n  layers: [silu, \"a,b\"]", `f.yaml:2:18: network.layers: "a,b" cannot be an item of a list; an item begins with a letter`},
	{"network:\n  layers: [1]", `f.yaml:2:12: network.layers: "1" cannot be an item`},
	{"network: {layers: " + strings.Repeat("[", MaxBytes/2), `f.yaml:1:34: exceeded max depth`},
	{nested(1200), `f.yaml:`},
	{strings.Repeat("[", MaxBytes), `exceeded max depth`},
	{strings.Repeat("{", MaxBytes), `exceeded max depth`},
	{strings.Repeat("a: ", MaxBytes/3), `mapping values are not allowed`},
	{strings.Repeat("? ", MaxBytes/2), `exceeded max depth`},
	{strings.Repeat("k: 0\n", MaxBytes/5), `f.yaml:2:1: key "k" stands twice`},
	{"seed: [" + strings.Repeat("0,", MaxBytes/3) + "]", `a list is not part`},
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
		"", "epochs: 3", "sampler: {noise: .inf}", "seed: &x 1\nepochs: *x", "<<: {seed: 1}", "seed: !!int '1'", "\ufeffseed: 1", "\xff\xfes\x00:\x00 \x001\x00", "? a\n: b", "- a\n- b", "seed: |\n  1",
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
