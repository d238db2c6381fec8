package exchange

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/exchange/internal/torchfile"
)

// A dict is a group of named objects in a file, which may be a state dict.
type dict struct {
	path    string // the keys that lead to it, joined by dots; "" for the whole file
	members []member
}

// A member is an object of a dict.
type member struct {
	name  string
	shape []int
	fault string // why it has no numbers to read, such as "is an int"; "" for a tensor of floating point

	numbers string // of a tensor that has others: torchfile.Integers and so on
	remedy  string // for what is no such tensor

	tensor *torchfile.Tensor // in a file of PyTorch's
}

// A reader gives the numbers of some members of a dict, in their order.
type reader func([]member) ([][]float32, error)

// A candidate is where a file has the parameters of a network.
type candidate struct {
	key     string   // of Options.Key: what leads to the Sequential, or "." for a file that is its state dict
	module  string   // how their names begin: "cnn.cnn_layers."
	members []member // in the order of parameterNames
	all     []member // of the dict
}

// names is the Sequential that the default network's Model holds,
// parameterNames are its parameters in order.
const names = "cnn_layers."

var parameterNames = []string{
	"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias", "6.weight", "6.bias",
	"9.weight", "9.bias", "11.weight", "11.bias",
}

// candidates returns the networks that the dicts have; those that lack
// parameters where there are no others.
func candidates(dicts []dict) []*candidate {
	var whole, part []*candidate
	for _, d := range dicts {
		for _, n := range d.networks() {
			if len(n.members) == len(parameterNames) {
				whole = append(whole, n)
			} else {
				part = append(part, n)
			}
		}
	}
	if len(whole) == 0 {
		return part
	}
	return whole
}

// choose returns the network that the dicts have, the one of the key if they
// have several.
func choose(dicts []dict, key string) (*candidate, error) {
	all := candidates(dicts)
	list := all
	if key != "" {
		list = withKey(all, key)
	}
	switch {
	case len(all) == 0:
		for _, d := range dicts {
			if err := computed(d.members); err != nil {
				return nil, err
			}
		}
		return nil, &Error{Fault: fmt.Sprintf("no tensor %q", names+"0.weight"), Hint: hintNetwork}
	case len(list) == 0:
		return nil, &Error{Fault: fmt.Sprintf("has no network %.100q", key), Hint: "choose with --key: it has " + keysOf(all)}
	case len(list) == 1:
		return list[0], nil
	}
	fitting := slices.DeleteFunc(slices.Clone(list), func(n *candidate) bool { return !n.fits() })
	if len(fitting) != 1 {
		return nil, &Error{
			Fault: fmt.Sprintf("has %d networks: %s", len(list), keysOf(list)),
			Hint:  "choose one: --key " + quoted(list[0].key),
		}
	}
	return fitting[0], nil
}

// keysOf lists keys for an error.
func keysOf(list []*candidate) string {
	var keys []string
	for _, n := range list[:min(len(list), 8)] {
		keys = append(keys, quoted(n.key))
	}
	if len(list) > len(keys) {
		keys = append(keys, fmt.Sprintf("%d more", len(list)-len(keys)))
	}
	return strings.Join(keys, ", ")
}

// quoted returns a name of a file for a terminal, and for a shell if it is an
// ordinary one.
func quoted(name string) string {
	if name != "" && len(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("._-/", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return name
	}
	return fmt.Sprintf("%.100q", name)
}

// withKey returns the networks that a key means: the one of that key, or else
// those below it, or else those that have it on their way.
func withKey(list []*candidate, key string) []*candidate {
	key = strings.TrimSuffix(key, "."+strings.TrimSuffix(names, "."))
	for _, means := range []func(n *candidate) bool{
		func(n *candidate) bool { return n.key == key },
		func(n *candidate) bool { return strings.HasPrefix(n.key, key+".") },
		func(n *candidate) bool { return strings.Contains("."+n.key+".", "."+key+".") },
	} {
		if found := slices.DeleteFunc(slices.Clone(list), func(n *candidate) bool { return !means(n) }); len(found) > 0 {
			return found
		}
	}
	return nil
}

// networks returns the networks in a dict: the parameters of a Sequential by
// itself, or of a module that has it as cnn_layers. Of the latter some may be
// missing.
func (d dict) networks() (list []*candidate) {
	by := make(map[string]member, len(d.members))
	for _, m := range d.members {
		by[m.name] = m
	}
	for _, m := range d.members {
		module, ok := strings.CutSuffix(m.name, "0.weight")
		if !ok || module != "" && !strings.HasSuffix(module, ".") {
			continue
		}
		n := &candidate{module: module, all: d.members}
		n.key = strings.Trim(d.path+strings.TrimSuffix("."+module, "."+names), ".")
		if n.key == "" {
			n.key = cmp.Or(strings.TrimSuffix(module, "."), ".")
		}
		for _, name := range parameterNames {
			if p, ok := by[module+name]; ok {
				n.members = append(n.members, p)
			}
		}
		if len(n.members) < len(parameterNames) && !strings.HasSuffix("."+module, "."+names) {
			continue
		}
		list = append(list, n)
	}
	return list
}

// fits tells whether the parameters look like those of a network of one output.
func (n *candidate) fits() bool {
	for i, m := range n.members {
		rank := 1
		if i%2 == 0 {
			rank = 4
		}
		if i == 8 || i == 10 {
			rank = 2
		}
		if len(m.shape) != rank || m.fault != "" {
			return false
		}
	}
	return n.members[10].shape[0] == 1
}

// check reports what the network lacks.
func (n *candidate) check() error {
	for i, name := range parameterNames {
		if i == len(n.members) || n.members[i].name != n.module+name {
			if err := computed(n.all); err != nil {
				return err
			}
			return &Error{Fault: fmt.Sprintf("no tensor %.200q", n.module+name), Hint: hintNetwork}
		}
		if m := n.members[i]; m.fault != "" {
			return m.notRead()
		}
	}
	return nil
}

// notRead is the error of a weight whose numbers cannot be read.
func (m member) notRead() *Error {
	fault := fmt.Sprintf("tensor %.100q %s", m.name, m.fault)
	switch m.numbers {
	case torchfile.Integers, torchfile.Booleans:
		return &Error{Fault: fault, Hint: "weights of whole numbers are quantised ones: save what they stand for as float32, each times its scale"}
	case torchfile.Complex:
		return &Error{Fault: fault, Hint: "Joule reads networks of real numbers"}
	case torchfile.Small:
		return &Error{Fault: fault, Hint: "save the weights as plain float32: {k: v.float() for k, v in model.state_dict().items()}"}
	}
	return &Error{Fault: fault, Hint: m.remedy}
}

// tensors reads the parameters, under the names that they have in the module
// Model.
func (n *candidate) tensors(read reader) ([]checkpoint.Tensor, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	numbers, err := read(n.members)
	if err != nil {
		return nil, err
	}
	var list []checkpoint.Tensor
	for i, name := range parameterNames {
		list = append(list, checkpoint.Tensor{Name: names + name, Shape: n.members[i].shape, Data: numbers[i]})
	}
	return list, nil
}

// beside returns the names of what else the dict has. It reports what would
// take part in what the network computes: all in the Sequential, and a layer of
// the module that has the Sequential.
func (n *candidate) beside() (list []string, err error) {
	own := map[string]bool{}
	for _, name := range parameterNames {
		own[n.module+name] = true
	}
	parent, has := strings.CutSuffix(n.module, names)
	for _, m := range n.all {
		if own[m.name] {
			continue
		}
		list = append(list, m.name)
		name, inside := strings.CutPrefix(m.name, n.module)
		if n.module == "" {
			inside = name != "" && name[0] >= '0' && name[0] <= '9'
		}
		if inside && name != "_extra_state" && !strings.HasSuffix(name, "._extra_state") {
			return nil, &Error{Fault: fmt.Sprintf("tensor %.100q is not part of the network", m.name), Hint: hintNetwork}
		}
		name, inside = strings.CutPrefix(m.name, parent)
		layer, weight := strings.CutSuffix(name, ".weight")
		if has && inside && weight && !strings.Contains(layer, ".") && m.fault == "" && len(m.shape) > 1 {
			return nil, &Error{Fault: fmt.Sprintf("tensor %.100q is of a further layer beside %.100q", m.name, n.module), Hint: hintNetwork}
		}
	}
	return list, nil
}
