package setting

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestTexts: all ways to give a list give the same, and it is written as a
// block.
func TestTexts(t *testing.T) {
	want := []string{"conv2d 16 kernel=5 stride=2 padding=4", "silu", "linear 1"}
	for _, text := range []string{
		"network:\n  layers:\n    - conv2d 16 kernel=5 stride=2 padding=4\n    - silu # c\n    - linear 1\nepochs: 9\n",
		"network:\n  layers: # why\n  # c\n  - conv2d 16   kernel=5 stride=2 padding=4\n\n  - \"silu\"\n  # c\n  - linear\n    1\nepochs: 9\n",
		"network:\n  layers: [conv2d 16 kernel=5 stride=2 padding=4, silu, 'linear 1']\nepochs: 9\n",
		"network: {layers: [conv2d 16 kernel=5 stride=2 padding=4,\n  silu, linear 1,]}\nepochs: 9\n",
	} {
		c := defaults()
		if err := c.settings().Parse("f", []byte(text)); err != nil || !slices.Equal(c.Layers.items, want) || c.Epochs != 9 {
			t.Errorf("%q: %q, %v", text, c.Layers.items, err)
		}
	}
	line := strings.Join(want, ",")
	for _, value := range []string{line, strings.ReplaceAll(line, ",", " , "), "[" + line + "]"} {
		c, d := defaults(), defaults()
		if err := c.settings().Set("network.layers=" + value); err != nil || !slices.Equal(c.Layers.items, want) {
			t.Errorf("%q: %q, %v", value, c.Layers.items, err)
		}
		if err := d.settings().SetEnv([]string{"JOULE_NETWORK_LAYERS=" + value}); err != nil || !slices.Equal(d.Layers.items, want) {
			t.Errorf("%q: %q, %v", value, d.Layers.items, err)
		}
	}
	c := defaults()
	c.Layers.items = want
	block := `network:
  layers:                       # the network's layers
    - conv2d 16 kernel=5 stride=2 padding=4
    - silu
    - linear 1
sampler:
`
	if got := string(c.settings().YAML()); !strings.Contains(got, block) {
		t.Errorf("got\n%s", got)
	}
	for _, empty := range []string{"network.layers=", "network.layers=[]", "network.layers= [ ] "} {
		if err := c.settings().Set(empty); err != nil || len(c.Layers.items) != 0 {
			t.Errorf("%q: %q, %v", empty, c.Layers.items, err)
		}
	}
	c.Layers.items = want
	if err := c.settings().Parse("f", []byte("network: {layers: []}")); err != nil || len(c.Layers.items) != 0 {
		t.Errorf("%q, %v", c.Layers.items, err)
	}
}

func TestTextsErrors(t *testing.T) {
	for a, want := range map[string]string{
		"network.layers=silu,zebra 3":  `network.layers: no layer is called "zebra"; write conv2d`,
		"network.layers=odd":           "network.layers: a plain error",
		"network.layers=silu,":         `network.layers: "" cannot be an item of a list`,
		"network.layers=3":             `network.layers: "3" cannot be an item of a list; an item begins with a letter`,
		"network.layers=silu: 3":       "cannot be an item",
		"network.layers=[silu]]":       "cannot be an item",
		"network.layers=null":          "cannot be an item",
		"network.layers=linear \x00 3": "cannot be an item",
	} {
		c := defaults()
		c.Layers.items = []string{"silu"}
		if err := c.settings().Set(a); err == nil || !strings.Contains(told(err), want) {
			t.Errorf("%s: %v, want %q", a, err, want)
		}
		if !slices.Equal(c.Layers.items, []string{"silu"}) {
			t.Errorf("%s: changed the list in spite of an error", a)
		}
	}
	err := defaults().settings().SetEnv([]string{"JOULE_NETWORK_LAYERS=zebra"})
	if err == nil || told(err) != `JOULE_NETWORK_LAYERS: network.layers: no layer is called "zebra"; write conv2d` {
		t.Error(err)
	}
	c := defaults()
	c.Layers.items = []string{"silu", "a, b"}
	if err := c.settings().Check(); err == nil || !strings.Contains(err.Error(), `network.layers: "a, b" cannot be an item`) {
		t.Error(err)
	}
}

func TestTextsSchema(t *testing.T) {
	c := defaults()
	for _, items := range [][]string{nil, {"silu", "linear 1"}} {
		c.Layers.items = items
		var schema struct {
			Title      string
			Properties struct {
				Network struct {
					Properties struct {
						Layers struct {
							Type    string
							Items   struct{ Type string }
							Default []string
						}
					}
				}
			}
		}
		if err := json.Unmarshal(c.settings().Schema("A title"), &schema); err != nil {
			t.Fatal(err)
		}
		got := schema.Properties.Network.Properties.Layers
		if schema.Title != "A title" || got.Type != "array" || got.Items.Type != "string" || got.Default == nil || !slices.Equal(got.Default, items) {
			t.Errorf("%q: %+v", items, got)
		}
	}
}
