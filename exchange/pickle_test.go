package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/lane"
)

// A pickled value is one of a Python object: a bare string is its opcodes, and
// so is what these functions make.
type pickled string

func str(s string) pickled {
	return pickled("X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s)
}

func num(n int) pickled {
	return pickled("J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n))))
}

func tuple(shape ...int) pickled {
	var b pickled = "("
	for _, n := range shape {
		b += num(n)
	}
	return b + "t"
}

// dictOfAny is a dict of names and values in turn.
func dictOfAny(items ...any) pickled {
	var b pickled = "}("
	for i := 0; i < len(items); i += 2 {
		b += str(items[i].(string)) + items[i+1].(pickled)
	}
	return b + "u"
}

// merged is a dict with the entries of several.
func merged(dicts ...pickled) pickled {
	var b pickled = "}("
	for _, d := range dicts {
		b += d[2 : len(d)-1]
	}
	return b + "u"
}

// numbers is how many the one storage holds that all tensors are windows on.
const numbers = 150

// tensorAt is a tensor on the storage's numbers from at on.
func tensorAt(at int, shape ...int) pickled {
	stride := make([]int, len(shape))
	n := 1
	for d := len(shape) - 1; d >= 0; d-- {
		stride[d] = n
		n *= shape[d]
	}
	storage := "(" + str("storage") + "ctorch\nFloatStorage\n" + str("0") + str("cpu") + num(numbers) + "tQ"
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + num(at) + tuple(shape...) + tuple(stride...) + "\x89NtR"
}

// smallest lists the parameters of a small network.
var smallest = sync.OnceValues(arch.CNN(2, lane.Shape{C: 1, H: 1, W: 1}).Parameters)

// parameters are a state dict of a small network, on the numbers from at on.
func parameters(t testing.TB, prefix string, at int) pickled {
	t.Helper()
	params, err := smallest()
	if err != nil {
		t.Fatal(err)
	}
	var items []any
	for _, p := range params {
		items = append(items, prefix+strings.TrimPrefix(p.Name, names), tensorAt(at, p.Shape...))
	}
	return dictOfAny(items...)
}

// torchFile is what torch.save writes of an object.
func torchFile(t testing.TB, root pickled) []byte {
	t.Helper()
	var data []byte
	for i := range numbers {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i)))
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range []struct{ name, text string }{{"data.pkl", "\x80\x02" + string(root) + "."}, {"data/0", string(data)}} {
		out, err := w.CreateHeader(&zip.FileHeader{Name: "m/" + e.name, Method: zip.Store})
		if err == nil {
			_, err = fmt.Fprint(out, e.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
