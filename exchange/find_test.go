package exchange

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/exchange/internal/torchfile"
)

// A findCase is a file of PyTorch's and what is found in it.
type findCase struct {
	name string
	root pickled
	key  string

	from   float32 // the number that the network begins with
	beside []string
	fault  string // or a part of the error
	keys   []string
}

func findCases(t testing.TB) []findCase {
	net := func(prefix string) pickled { return parameters(t, prefix, 0) }
	average := func(prefix string) pickled { return parameters(t, prefix, 1) }
	one, object := tensorAt(7, 1), pickled("cmy\nThing\n)\x81}"+"b")
	whole := pickled("cmy\nNet\n)\x81") + dictOfAny("_parameters", dictOfAny(), "_modules", dictOfAny()) + "b"
	lightning := dictOfAny("epoch", num(3), "state_dict", merged(net("cnn.cnn_layers."), dictOfAny(
		"criterion.pos_weight", one, "train_acc.tp", num(1), "cnn._extra_state", dictOfAny("a", num(1)), "sampler.examples", tensorAt(0, 2, 3),
	)), "optimizer_states", "]"+dictOfAny("state", "}J\x00\x00\x00\x00"+dictOfAny("exp_avg", one)+"s")+"a", "callbacks", object, "none", pickled("N"))
	both := dictOfAny("state_dict", net("cnn.cnn_layers."), "state_dict_ema", average("cnn.cnn_layers."), "state_dict.x", num(1))
	three := merged(net("cnn_layers."), average("ema.cnn_layers."), parameters(t, "ema_slow.cnn_layers.", 2))
	cases := []findCase{
		{name: "plain", root: net("cnn_layers."), keys: []string{"cnn_layers"}},
		{name: "Sequential", root: net(""), keys: []string{"."}},
		{name: "Sequential in a module", root: merged(net("model."), dictOfAny("loss.weight", tensorAt(0, 2, 2))), beside: []string{"loss.weight"}, keys: []string{"model"}},
		{name: "Lightning", root: lightning, beside: []string{"criterion.pos_weight", "train_acc.tp", "cnn._extra_state", "sampler.examples"}, keys: []string{"state_dict.cnn"}},
		{name: "compiled", root: dictOfAny("model", net("_orig_mod.module.cnn_layers.")), keys: []string{"model._orig_mod.module"}},
		{name: "in an object", root: "cmy\nState\n)\x81" + dictOfAny("net", net("cnn_layers.")) + "b", keys: []string{"net"}},
		{name: "in a list", root: "](" + net("cnn_layers.") + num(3) + "e", keys: []string{"0"}},
		{name: "in a dict of another class", root: dictOfAny("weights", "cmy\nDict\n)R"+net("cnn_layers.")[1:]), keys: []string{"weights"}},
		{name: "twice a name", root: merged(average("cnn_layers."), net("cnn_layers.")), keys: []string{"cnn_layers"}},
		{name: "an incomplete one beside", root: merged(net("cnn_layers."), dictOfAny("ema.cnn_layers.0.weight", one)), beside: []string{"ema.cnn_layers.0.weight"}, keys: []string{"cnn_layers"}},
		{name: "another beside", root: dictOfAny("net", net("cnn_layers."), "classifier", merged(average("c."), dictOfAny("c.11.weight", tensorAt(0, 10, 4)))), keys: []string{"net", "classifier.c"}},
		{name: "no key", root: both, fault: "has 2 networks: state_dict.cnn, state_dict_ema.cnn", keys: []string{"state_dict.cnn", "state_dict_ema.cnn"}},
		{name: "the first", root: both, key: "state_dict"},
		{name: "the other", root: both, key: "state_dict_ema", from: 1},
		{name: "with all", root: both, key: "state_dict_ema.cnn.cnn_layers", from: 1},
		{name: "both have it", root: both, key: "cnn", fault: "has 2 networks"},
		{name: "no such key", root: both, key: "ema", fault: `has no network "ema"`},
		{name: "one dict, no key", root: three, fault: "has 3 networks: cnn_layers, ema, ema_slow", keys: []string{"cnn_layers", "ema", "ema_slow"}},
		{name: "one dict", root: three, key: "ema", from: 1, beside: make([]string, 24)},
		{name: "hostile keys", root: dictOfAny("a\x1b[2J", net("cnn_layers."), "b", net("cnn_layers.")), fault: `has 2 networks: "a\x1b[2J", b`},
		{name: "a batch norm", root: merged(net("cnn_layers."), dictOfAny("cnn_layers.1.num_batches_tracked", num(1))), fault: `"cnn_layers.1.num_batches_tracked" is not part of the network`},
		{name: "a head", root: merged(net("cnn.cnn_layers."), dictOfAny("cnn.head.weight", tensorAt(0, 1, 1))), fault: `"cnn.head.weight" is of a further layer`},
		{name: "a layer of a Sequential", root: merged(net(""), dictOfAny("7.weight", one)), fault: `"7.weight" is not part of the network`},
		{name: "an int", root: merged(net("cnn_layers."), dictOfAny("cnn_layers.6.bias", num(1))), fault: `tensor "cnn_layers.6.bias" is an int`},
		{name: "quantised", root: merged(net("cnn_layers."), dictOfAny("cnn_layers.6.bias", pickled("ctorch._utils\n_rebuild_qtensor\n)R"))), fault: `tensor "cnn_layers.6.bias" is a quantised tensor`},
		{name: "a mark", root: merged(net("cnn_layers."), dictOfAny("cnn_layers.6.bias", tensorAt(0, 4)[:len(tensorAt(0, 4))-2]+dictOfAny("conj", pickled("\x88"))+"tR")), fault: `tensor "cnn_layers.6.bias": a tensor is marked "conj"`},
		{name: "module", root: whole, fault: "holds an object of my.Net, a whole module, not a state dict"},
		{name: "module in a dict", root: dictOfAny("model", whole), fault: "holds an object of my.Net, a whole module"},
		{name: "nothing", root: dictOfAny("epoch", num(1)), fault: `no tensor "cnn_layers.0.weight"`},
		{name: "a number", root: num(1), fault: "holds an int, not a state dict"},
		{name: "itself", root: "}q\x00" + str("a") + "h\x00s", fault: `no tensor "cnn_layers.0.weight"`},
	}
	for _, key := range []string{"state_dict", "model_state_dict", "model", "weights", "net", "generator", "module", "ema"} {
		cases = append(cases, findCase{name: "under " + key, root: dictOfAny("epoch", num(1), key, net("cnn_layers.")), keys: []string{key}},
			findCase{name: "two deep under " + key, root: dictOfAny("checkpoint", dictOfAny(key, net("cnn_layers."))), keys: []string{"checkpoint." + key}})
	}
	return cases
}

// TestFind finds the network in files of PyTorch's, and says what it passed
// over.
func TestFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.pt")
	for _, c := range findCases(t) {
		if err := os.WriteFile(path, torchFile(t, c.root), 0o666); err != nil {
			t.Fatal(err)
		}
		if c.keys != nil {
			if keys, err := Keys(path); err != nil || !slices.Equal(keys, c.keys) {
				t.Errorf("%s: keys %q, error %v, want %q", c.name, keys, err, c.keys)
			}
		}
		r, err := Read(path, Options{Output: joule.OutputEnergy, Height: 1, Width: 1, Key: c.key})
		var e *Error
		switch {
		case c.fault != "":
			if !errors.As(err, &e) || !strings.Contains(e.Fault, c.fault) || e.Hint == "" || strings.ContainsAny(e.Fault+e.Hint, "\x1b") {
				t.Errorf("%s: error %v, want %q", c.name, err, c.fault)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case r.Model.Tensors()[0].Data.([]float32)[0] != c.from:
			t.Errorf("%s: another network", c.name)
		case len(c.beside) == 24 && len(r.Beside) == 24: // of two other networks
		case !slices.Equal(r.Beside, c.beside):
			t.Errorf("%s: passed over %q, want %q", c.name, r.Beside, c.beside)
		}
	}
}

// TestKeysOfOurs: a file that says what its network is has no keys.
func TestKeysOfOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := WriteSafetensors(path, document(t), joule.OutputF); err != nil {
		t.Fatal(err)
	}
	if keys, err := Keys(path); err != nil || len(keys) > 0 {
		t.Errorf("keys %q, error %v", keys, err)
	}
	if _, err := Read(path, Options{Key: "ema"}); err == nil || !strings.Contains(err.Error(), `none called "ema"`) {
		t.Errorf("error %v", err)
	}
	if _, err := Keys(path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// compose makes an object of a program, two bytes a step: what to put on a
// stack or do with what is there, and with which name.
func compose(t testing.TB, program []byte) pickled {
	texts := []string{"", "cnn_layers.", "cnn.cnn_layers.", "model", "ema", "cnn_layers.1.weight", "head.weight", "0.weight", "7.bias", "x\x1b", "_extra_state", "."}
	stack := []pickled{"}(" + "u"}
	for ; len(program) >= 2 && len(stack[len(stack)-1]) < 1<<13; program = program[2:] {
		text, top := texts[int(program[1])%len(texts)], len(stack)-1
		switch program[0] % 8 {
		case 0, 1:
			stack = append(stack, parameters(t, text, int(program[0])%5))
		case 2:
			stack = append(stack, dictOfAny(text, tensorAt(0, 2, 2)))
		case 3:
			stack[top] = dictOfAny(text, stack[top])
		case 4:
			if top > 0 && stack[top][0] == '}' && stack[top-1][0] == '}' {
				stack = append(stack[:top-1], merged(stack[top-1], stack[top]))
			}
		case 5:
			stack[top] = "](" + stack[top] + "e"
		case 6:
			stack[top] = "cmy\nThing\n)\x81" + dictOfAny(text, stack[top]) + "b"
		case 7:
			stack = append(stack, dictOfAny(text, num(int(program[0]))))
		}
	}
	return stack[len(stack)-1]
}

// FuzzFind looks for networks in objects of any composition.
func FuzzFind(f *testing.F) {
	f.Add([]byte{0, 1}, "")
	f.Add([]byte{0, 2, 3, 3, 6, 4}, "model")
	f.Add([]byte{0, 1, 3, 3, 1, 0, 3, 4, 4, 0}, "ema")
	f.Add([]byte{0, 1, 2, 6, 4, 0, 7, 10, 4, 0, 5, 0}, "0")
	f.Fuzz(func(t *testing.T, program []byte, key string) {
		b := torchFile(t, compose(t, program))
		file, err := torchfile.Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := fromStateDict(file, Options{Output: joule.OutputEnergy, Height: 1, Width: 1, Key: key})
		var e *Error
		switch {
		case err == nil && len(r.Model.Tensors()) != len(parameterNames):
			t.Fatalf("%d tensors", len(r.Model.Tensors()))
		case err != nil && (!errors.As(err, &e) || e.Hint == "" || len(e.Fault)+len(e.Hint) > 3000 || strings.Contains(e.Fault+e.Hint, "\x1b")):
			t.Fatalf("error %#v", err)
		}
	})
}
