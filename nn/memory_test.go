package nn

import (
	"testing"

	"github.com/joule-ml/joule/lane"
)

// TestMemory compares the estimate with what a network holds.
func TestMemory(t *testing.T) {
	testMemory(t, document, 1.05)
	testMemory(t, networks["residual"], 2)
	testMemory(t, networks["distance"], 2)
}

// testMemory allows for a share of the packed parameters besides.
func testMemory(t *testing.T, spec Spec, share float64) {
	t.Helper()
	n, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := spec.Memory()
	if err != nil {
		t.Fatal(err)
	}
	a, s := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	acts := len(a.values[0])
	for i, l := range n.layers {
		if l != nil {
			acts += len(a.values[i+1]) + len(a.saved[i])
		}
	}
	sources := 0
	for _, v := range s.sources {
		sources += len(v)
	}
	packed := 0
	for _, w := range n.weights {
		c, ok := w.(*conv)
		if t, transposed := w.(*transposed); transposed {
			c, ok = t.conv, true
		}
		if !ok {
			continue
		}
		for _, d := range []direction{c.forward, c.backward} {
			for _, p := range d.phases {
				packed += 4 * (len(p.packed.Data) + len(p.source))
			}
			for _, tile := range d.tiles {
				packed += 8 * len(tile.pixels)
			}
		}
		if q := c.backward.squares; q != nil {
			packed += 4 * (len(q.Data) + len(q.source))
		}
	}
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"parameters", m.Parameters, 4 * int64(len(n.Params()))},
		{"gradient", m.Grad, 4 * int64(n.GradLen())},
		{"activations", m.Activations * lane.Width, 4 * int64(acts)},
		{"scratch", m.Scratch * lane.Width, 4 * int64(len(s.a)+len(s.b)+len(s.sums)+sources+n.Input().BlockLen(lane.Width))},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.what, c.got, c.want)
		}
	}
	if got, want := float64(m.Packed), float64(packed); got < want || got > share*want {
		t.Errorf("packed parameters: %v bytes, want %v", got, want)
	}
}
