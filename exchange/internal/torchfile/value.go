package torchfile

import (
	"fmt"
	"strings"
)

// The objects of a pickle are nil (Python's None), bool, int64, [Long],
// float64, string, [Bytes], [Tuple], *[List], *[Dict], *[Tensor], [Global] and
// *[Object]. They may hold each other, and themselves, to any depth.
type (
	// A Long is an integer of more than 64 bits: two's complement, the lowest
	// byte first.
	Long string
	// Bytes is a Python bytes or bytearray.
	Bytes string
	// A Tuple is a tuple, or a torch.Size.
	Tuple []any
	// A List is a list or a set.
	List struct{ Items []any }
	// A Dict is a dict or OrderedDict, in the order of the file. A key may
	// come twice; the later one counts.
	Dict struct{ Items []Item }
	// An Item is an entry of a Dict.
	Item struct{ Key, Value any }
	// A Global is a class or function by its name.
	Global struct{ Module, Name string }
	// An Object stands for one whose class is not known here, or for what a
	// function would have returned that is not known. It was not made and has
	// not been called.
	Object struct {
		Class Global
		Args  Tuple  // of the constructor or function
		State any    // usually a *Dict of the attributes
		Items []Item // of one that is also a dict
		List  []any  // of one that is also a list
	}
)

// String returns the name as Python writes it.
func (g Global) String() string { return g.Module + "." + g.Name }

// Lookup returns the value of a key of a dict, or of an object that is one or
// has an attribute of that name.
func Lookup(v any, key string) (value any, ok bool) {
	var items []Item
	switch v := v.(type) {
	case *Dict:
		items = v.Items
	case *Object:
		items = v.Items
		if d, isDict := v.State.(*Dict); isDict {
			defer func() {
				if !ok {
					value, ok = Lookup(d, key)
				}
			}()
		}
	}
	for i := len(items) - 1; i >= 0; i-- {
		if items[i].Key == key {
			return items[i].Value, true
		}
	}
	return nil, false
}

// Kind says in a few words what an object is.
func Kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64, Long:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case Bytes:
		return "bytes"
	case Tuple:
		return "a tuple"
	case *List:
		return "a list"
	case *Dict:
		return "a dict"
	case *Tensor:
		return "a tensor"
	case *storage:
		return "a storage"
	case Global:
		return "the class or function " + printable(v.String())
	case *Object:
		if kind := kinds[v.Class.String()]; kind != "" {
			return kind
		}
		return "an object of " + printable(v.Class.String())
	}
	return fmt.Sprintf("a %T", v)
}

// printable shortens and cleans a name of the file for an error.
func printable(name string) string {
	return strings.Trim(fmt.Sprintf("%.100q", name), `"`)
}
