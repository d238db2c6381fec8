package joule

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/weights"
)

// TestCard: an energy has a rank among those of the validation, and a rate a
// threshold.
func TestCard(t *testing.T) {
	c := &Card{Config: DefaultConfig(), Epochs: 2, Steps: 30}
	if _, ok := c.Rank(0); ok {
		t.Error("a rank without a validation")
	}
	energies := make([]float32, 10001)
	for i := range energies {
		energies[i] = float32(10000-i)/1000 - 3 // −3 … 7, the largest first
	}
	c.setValidation(energies)
	for _, v := range []struct {
		e    float32
		rank float64
	}{{-4, 0}, {-3, 0}, {2, 0.5}, {4.5, 0.75}, {7, 1}, {8, 1}, {float32(math.Inf(1)), 1}} {
		if got, ok := c.Rank(v.e); !ok || math.Abs(got-v.rank) > 1e-6 {
			t.Errorf("rank of %v is %v, want %v", v.e, got, v.rank)
		}
	}
	for _, v := range []struct {
		rate   float64
		energy float32
	}{{0, 7}, {1, -3}, {0.5, 2}, {0.05, 6.5}, {0.00125, 6.9875}} {
		if e, ok := c.Threshold(v.rate); !ok || math.Abs(float64(e-v.energy)) > 1e-4 {
			t.Errorf("threshold at %v is %v, want %v", v.rate, e, v.energy)
		}
	}
	if _, ok := (*Card)(nil).Threshold(0.1); ok {
		t.Error("a threshold without a card")
	}
	for _, n := range []int{1, 2, 3, 999} {
		c.setValidation(energies[:n])
		if c.N != n || c.Validation[0] != energies[0] || c.Validation[quantiles] != energies[n-1] {
			t.Errorf("quantiles of %d energies run from %v to %v", n, c.Validation[0], c.Validation[quantiles])
		}
	}
}

// TestCardTravels: a model's file keeps its card, and one with energies out of
// order is refused.
func TestCardTravels(t *testing.T) {
	c := &Card{Config: DefaultConfig(), Epochs: 2, Steps: 30}
	c.setValidation([]float32{3, -1, 2})
	m := newModel(toy.Network())
	m.card = c
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := LoadModel(path)
	if err != nil {
		t.Fatal(err)
	}
	b := back.Card()
	if b == nil || !reflect.DeepEqual(b.Config, c.Config) || b.Epochs != 2 || b.Steps != 30 || b.N != c.N || len(b.Validation) != quantiles+1 || b.Validation[7] != c.Validation[7] {
		t.Errorf("card %+v, want %+v", b, c)
	}
	f := m.file()
	f.Metadata[weights.MetaCard] = `{"validation_energies":[2,1]}`
	if _, err := cardOf("", f.Metadata); err == nil {
		t.Error("a card with energies out of order is read")
	}
}
