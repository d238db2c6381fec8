package torchfile

import "strings"

// call executes the opcodes that make an object of a class or by a function.
func (m *machine) call(op byte) error {
	n := 2
	if op == opNewObjEx {
		n = 3
	}
	top, err := m.pop(n)
	if err != nil {
		return err
	}
	args, ok := top[1].(Tuple)
	if !ok {
		return damaged("its pickle calls with %s for arguments", Kind(top[1]))
	}
	var v any
	switch f := top[0].(type) {
	case Global:
		if v, err = m.make(f, args); err != nil {
			return err
		}
	case *Object: // such as a partial function: of what it would have made, all is said
		v = &Object{Class: f.Class, Args: args}
	default:
		return damaged("its pickle calls %s", Kind(top[0]))
	}
	return m.push(v)
}

// ordered makes an OrderedDict: empty, or of a list of pairs as Python 2 wrote
// it.
func (m *machine) ordered(args Tuple) (any, error) {
	d := &Dict{}
	if len(args) == 0 {
		return d, nil
	}
	list, ok := args[0].(*List)
	if !ok || len(args) > 1 {
		return nil, damaged("its pickle makes an OrderedDict of %s", Kind(args[0]))
	}
	// One list may be used many times.
	if m.steps -= len(list.Items); m.steps < 0 {
		return nil, limited("its pickle makes dictionaries of more than %d entries", maxSteps)
	}
	for _, pair := range list.Items {
		var two []any
		switch p := pair.(type) {
		case Tuple:
			two = p
		case *List:
			two = p.Items
		}
		if len(two) != 2 {
			return nil, damaged("its pickle makes an OrderedDict of a list with %s", Kind(pair))
		}
		d.Items = append(d.Items, Item{two[0], two[1]})
	}
	return d, nil
}

// fill executes the opcodes that put something into the object below it.
func (m *machine) fill(op byte) error {
	var top []any
	var err error
	switch op {
	case opBuild, opAppend:
		top, err = m.pop(1)
	case opSetItem:
		top, err = m.pop(2)
	default:
		top, err = m.popMark()
	}
	if err != nil {
		return err
	}
	into, err := m.top()
	if err != nil {
		return err
	}
	o, isObject := into.(*Object)
	switch op {
	case opBuild:
		switch into.(type) {
		case *Object:
			o.State = top[0]
			return nil
		case *Dict: // attributes, such as _metadata of a state dict
			return nil
		}
	case opAppend, opAppends, opAddItems:
		if isObject {
			o.List = append(o.List, top...)
			return nil
		}
		if l, ok := into.(*List); ok {
			l.Items = append(l.Items, top...)
			return nil
		}
	default:
		if len(top)%2 != 0 {
			return damaged("its pickle has a key without a value")
		}
		var to *[]Item
		if isObject {
			to = &o.Items
		} else if d, ok := into.(*Dict); ok {
			to = &d.Items
		} else {
			break
		}
		for i := 0; i < len(top); i += 2 {
			*to = append(*to, Item{top[i], top[i+1]})
		}
		return nil
	}
	return damaged("its pickle puts something into %s", Kind(into))
}

// load returns what a persistent id stands for: ("storage", class, key,
// device, length), to which the format of old adds a view, None for decades.
func (f *File) load(id Tuple) (any, error) {
	if len(id) < 2 {
		return nil, damaged("its pickle refers to storage by a tuple of %d", len(id))
	}
	if id[0] == "module" { // a class with its source, of a model saved whole
		return id[1], nil
	}
	class, ok1 := id[1].(Global)
	if id[0] != "storage" || !ok1 || len(id) < 5 || len(id) > 6 {
		return nil, damaged("its pickle refers to storage in an unknown way")
	}
	key, ok2 := id[2].(string)
	n, ok3 := id[4].(int64)
	if !ok2 || !ok3 {
		return nil, damaged("a storage of key %s and length %s", Kind(id[2]), Kind(id[4]))
	}
	name, ok := strings.CutSuffix(class.Name, "Storage")
	t, known := dtypes[name]
	if module := class.Module; !ok || !known || module != "torch" && module != "torch.cuda" && module != "torch.storage" {
		return nil, &Error{Fault: "a storage of the unknown class " + printable(class.String()), Hint: hintAgain}
	}
	if n < 0 || n > maxFile/t.width {
		return nil, damaged("a storage of %d numbers is larger than any file that is read", n)
	}
	s := &storage{key: key, dtype: t, n: n}
	if old := f.storages[key]; old != nil {
		if old.dtype != t || old.n != n {
			return nil, damaged("storage %.50q is of two types or lengths", key)
		}
		s = old
	}
	f.storages[key] = s
	if len(id) == 6 && id[5] != nil {
		return s.part(id[5])
	}
	return s, nil
}

// part returns the numbers of s that a view of it has: a key of its own, the
// first number and how many.
func (s *storage) part(view any) (any, error) {
	v, _ := view.(Tuple)
	if len(v) != 3 {
		return nil, damaged("a view of a storage is %s", Kind(view))
	}
	first, ok1 := v[1].(int64)
	n, ok2 := v[2].(int64)
	if !ok1 || !ok2 || first < 0 || n < 0 || first > s.n || n > s.n-first {
		return nil, damaged("a view of a storage is not within it")
	}
	return &storage{key: s.key, dtype: s.dtype, n: n, whole: s, first: first}, nil
}

// unpickler returns a machine for the pickles in b.
func (f *File) unpickler(b []byte) *machine {
	return &machine{in: b, steps: maxSteps, persistent: f.load}
}
