package torchfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// A machine runs a pickle. It never recurses: depth is only data.
type machine struct {
	in    []byte
	pos   int
	steps int // opcodes left
	stack []any
	marks []int // heights of the stack
	memo  map[uint32]any

	persistent func(id Tuple) (any, error) // what a persistent id stands for
	tensors    int                         // built
}

// run executes one pickle of m.in, from m.pos to its end, and returns its
// object. The memo and the stack are each pickle's own.
func (m *machine) run() (any, error) {
	m.stack, m.marks, m.memo = nil, nil, map[uint32]any{}
	for {
		if m.steps--; m.steps < 0 {
			return nil, limited("its pickle has more than %d opcodes", maxSteps)
		}
		op, err := m.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == opStop {
			if len(m.stack) != 1 || len(m.marks) != 0 {
				return nil, damaged("its pickle ends with %d objects and %d marks on the stack", len(m.stack), len(m.marks))
			}
			return m.stack[0], nil
		}
		if err := m.step(op[0]); err != nil {
			return nil, err
		}
	}
}

// take returns the next n bytes.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.in)-m.pos) {
		if len(m.in) == maxPickle {
			return nil, limited("its pickle is larger than %d bytes", maxPickle)
		}
		return nil, damaged("its pickle ends too early, %d bytes before what it announces", n-uint64(len(m.in)-m.pos))
	}
	b := m.in[m.pos:][:n:n]
	m.pos += int(n)
	return b, nil
}

// number reads a little-endian number of width bytes.
func (m *machine) number(width uint64) (uint64, error) {
	b, err := m.take(width)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// counted reads bytes after their number, which takes width bytes.
func (m *machine) counted(width uint64) ([]byte, error) {
	n, err := m.number(width)
	if err != nil {
		return nil, err
	}
	return m.take(n)
}

// line reads to the end of the line.
func (m *machine) line() (string, error) {
	n := bytes.IndexByte(m.in[m.pos:min(len(m.in), m.pos+maxName+1)], '\n')
	if n < 0 {
		return "", damaged("its pickle has a name without an end")
	}
	b, err := m.take(uint64(n) + 1)
	return string(b[:n]), err
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

// floor is the height that no opcode but those for marks goes below.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

// pop takes the topmost n objects, the deepest first.
func (m *machine) pop(n int) ([]any, error) {
	if len(m.stack)-n < m.floor() {
		return nil, damaged("its pickle takes more from the stack than it put there")
	}
	top := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return top, nil
}

// popMark takes what is above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, damaged("its pickle wants a mark that it did not set")
	}
	top, err := m.pop(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return top, err
}

// top returns the topmost object and leaves it there.
func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, damaged("its pickle looks at an empty stack")
	}
	return m.stack[len(m.stack)-1], nil
}

// step executes an opcode. What it puts on the stack is a copy of popped
// objects where it is more than one: the stack is written over.
func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		version, err := m.number(1)
		if err == nil && (version < 2 || version > 5) {
			return &Error{Fault: "its pickle is not of protocols 2 to 5", Hint: hintAgain}
		}
		return err
	case opFrame:
		n, err := m.number(8)
		if err == nil && n > uint64(len(m.in)-m.pos) {
			_, err = m.take(n)
		}
		return err
	case opMark:
		m.marks = append(m.marks, len(m.stack))
		return nil
	case opPop:
		if len(m.marks) > 0 && len(m.stack) == m.floor() {
			_, err := m.popMark()
			return err
		}
		_, err := m.pop(1)
		return err
	case opPopMark:
		_, err := m.popMark()
		return err
	case opDup:
		v, err := m.top()
		if err != nil {
			return err
		}
		return m.push(v)
	case opBinPut, opLongBinPut, opMemoize:
		return m.keep(op)
	case opBinGet, opLongBinGet:
		return m.recall(op)
	case opGlobal:
		return m.global()
	case opStackGlobal:
		return m.stackGlobal()
	case opBinPersID:
		return m.persistentID()
	case opReduce, opNewObj, opNewObjEx:
		return m.call(op)
	case opBuild, opAppend, opAppends, opAddItems, opSetItem, opSetItems:
		return m.fill(op)
	}
	v, err := m.value(op)
	if err != nil {
		return err
	}
	return m.push(v)
}

// keep puts the topmost object into the memo, under the number that follows or
// the next one.
func (m *machine) keep(op byte) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	key := uint64(len(m.memo))
	if op != opMemoize {
		key, err = m.number(widthOf(op))
	}
	m.memo[uint32(key)] = v
	return err
}

// recall pushes an object of the memo.
func (m *machine) recall(op byte) error {
	key, err := m.number(widthOf(op))
	if err != nil {
		return err
	}
	v, ok := m.memo[uint32(key)]
	if !ok {
		return damaged("its pickle wants object %d, which it has not kept", key)
	}
	return m.push(v)
}

// global pushes a class or function that two lines name.
func (m *machine) global() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	return m.push(Global{module, name})
}

// stackGlobal pushes a class or function that two strings on the stack name.
func (m *machine) stackGlobal() error {
	two, err := m.pop(2)
	if err != nil {
		return err
	}
	module, ok1 := two[0].(string)
	name, ok2 := two[1].(string)
	if !ok1 || !ok2 || len(module) > maxName || len(name) > maxName {
		return damaged("its pickle names a class by %s and %s", Kind(two[0]), Kind(two[1]))
	}
	return m.push(Global{module, name})
}

// persistentID pushes the storage that a tuple on the stack refers to.
func (m *machine) persistentID() error {
	id, err := m.pop(1)
	if err != nil {
		return err
	}
	tuple, ok := id[0].(Tuple)
	if !ok {
		return damaged("its pickle refers to storage by %s", Kind(id[0]))
	}
	v, err := m.persistent(tuple)
	if err != nil {
		return err
	}
	return m.push(v)
}

// widthOf returns how many bytes the number after an opcode takes that has a
// short and a long form.
func widthOf(op byte) uint64 {
	switch op {
	case opBinPut, opBinGet, opBinInt1, opLong1, opShortBinString, opShortBinBytes, opShortBinUnicode:
		return 1
	case opBinInt2:
		return 2
	case opBinUnicode8, opBinBytes8, opByteArray8:
		return 8
	}
	return 4
}

// value makes the object of an opcode that pushes one.
func (m *machine) value(op byte) (any, error) {
	switch op {
	case opNone:
		return nil, nil
	case opNewTrue, opNewFalse:
		return op == opNewTrue, nil
	case opBinInt1, opBinInt2:
		n, err := m.number(widthOf(op))
		return int64(n), err
	case opBinInt:
		n, err := m.number(4)
		return int64(int32(n)), err
	case opLong1, opLong4:
		b, err := m.counted(widthOf(op))
		return integer(b), err
	case opBinFloat:
		b, err := m.take(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case opBinUnicode, opShortBinUnicode, opBinUnicode8, opBinString, opShortBinString:
		b, err := m.counted(widthOf(op))
		if err == nil && !utf8.Valid(b) {
			return Bytes(b), nil // Python 2 wrote bytes so
		}
		return string(b), err
	case opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		b, err := m.counted(widthOf(op))
		return Bytes(b), err
	case opEmptyDict:
		return &Dict{}, nil
	case opEmptyList, opEmptySet:
		return &List{}, nil
	case opEmptyTuple:
		return Tuple{}, nil
	case opTuple1, opTuple2, opTuple3:
		top, err := m.pop(int(op-opTuple1) + 1)
		return append(Tuple{}, top...), err
	case opTuple:
		top, err := m.popMark()
		return append(Tuple{}, top...), err
	case opFrozenSet:
		top, err := m.popMark()
		return &List{Items: append([]any{}, top...)}, err
	}
	return nil, &Error{Fault: "its pickle has an opcode that PyTorch does not write: " + printable(string(rune(op))), Hint: hintAgain}
}

// integer returns the value of an integer in two's complement, the lowest
// byte first.
func integer(b []byte) any {
	if len(b) > 8 {
		return Long(b)
	}
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	shift := 64 - 8*len(b) // of zero bytes makes zero
	return int64(v<<shift) >> shift
}
