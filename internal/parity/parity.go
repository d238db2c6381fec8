// Package parity reads what PyTorch computes for small, fixed problems, for tests
// to hold Joule to: Open a recording, and compare with Within, Share and
// Energies. The recorded values, the formula of the weights and the scripts that
// make them are described in testdata/parity/README.md.
package parity

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// A Recording is one fixture. Its methods end the test where it lacks
// something.
type Recording struct {
	*checkpoint.File
	t testing.TB
}

// Open reads a recording by name.
func Open(t testing.TB, name string) Recording {
	t.Helper()
	f, err := checkpoint.Read(filepath.Join(root(), "testdata", "parity", name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return Recording{f, t}
}

// Values returns the numbers of a tensor.
func (r Recording) Values(name string, shape ...int) []float32 {
	r.t.Helper()
	v, err := r.Float32(name, shape...)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// Images returns bytes as pixels, in the arithmetic of PyTorch's ToTensor and
// Normalize.
func (r Recording) Images(name string, shape ...int) []float32 {
	r.t.Helper()
	bytes, err := r.Uint8(name, shape...)
	if err != nil {
		r.t.Fatal(err)
	}
	x := make([]float32, len(bytes))
	for i, p := range bytes {
		x[i] = (float32(p)/255 - 0.5) / 0.5
	}
	return x
}

// Network builds spec with the weights that the recording was made with.
func (r Recording) Network(spec nn.Spec) *nn.Network {
	r.t.Helper()
	net, err := nn.New(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	seed, err := strconv.ParseUint(r.Metadata["weights_seed"], 10, 32)
	if err != nil {
		r.t.Fatal(err)
	}
	gain, err := strconv.ParseFloat(r.Metadata["weights_gain"], 64)
	if err != nil {
		r.t.Fatal(err)
	}
	n, bound := uint64(0), 0.0
	for _, v := range net.Views() {
		if len(v.Shape) > 1 { // a bias has the fan-in of the weight before it
			bound = gain / math.Sqrt(float64(len(v.Data)/v.Shape[0]))
		}
		for i := range v.Data {
			n++
			z := (seed<<32 + n) * 0x9E3779B97F4A7C15
			z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
			z = (z ^ z>>27) * 0x94D049BB133111EB
			z ^= z >> 31
			u := float64(float64(z>>40) / (1 << 24))
			v.Data[i] = float32((2*u - 1) * bound)
		}
	}
	sum := crc32.NewIEEE()
	if err := binary.Write(sum, binary.LittleEndian, net.Params()); err != nil {
		r.t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%08x", sum.Sum32()), r.Metadata["weights_crc32"]; got != want {
		r.t.Fatalf("weights by formula have CRC-32 %s, those recorded with had %s", got, want)
	}
	net.Pack()
	return net
}

// apart returns the largest difference between got and want, and want's
// largest magnitude. A NaN is infinitely far from anything.
func apart(got, want []float32) (difference, largest float64) {
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		difference = max(difference, d)
		largest = max(largest, math.Abs(float64(w)))
	}
	return difference, largest
}

// Within holds every value to a tolerance.
func Within(t testing.TB, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if d, _ := apart(got, want); d > tolerance {
		t.Errorf("%s: off by up to %.3g, allowed %.3g", what, d, tolerance)
	}
}

// Share is Within a share of want's largest magnitude.
func Share(t testing.TB, what string, got, want []float32, share float64) {
	t.Helper()
	if d, largest := apart(got, want); d > share*largest {
		t.Errorf("%s: off by up to %.3g of the largest, allowed %.3g", what, d/largest, share)
	}
}

// Energies holds energies to a relative tolerance of float32.
func Energies(t testing.TB, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		tolerance := 1e-5 * max(1, math.Abs(float64(w)))
		Within(t, fmt.Sprintf("%s: energy of image %d", what, i), got[i:i+1], want[i:i+1], tolerance)
	}
}

// Shape is that of the recorded images.
var Shape = lane.Shape{C: 1, H: 28, W: 28}

// root returns the module's folder.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
