package nn

import (
	"testing"

	"github.com/joule-ml/joule/lane"
)

// At a distance of 0 the gradient is 0, for the norm too, which has none there.
func TestDistanceZero(t *testing.T) {
	for power := 1; power <= 2; power++ {
		n, err := New(spec(lane.Shape{C: 2, H: 2, W: 2}, Reshape(2, 2, 2), Distance(power)))
		if err != nil {
			t.Fatal(err)
		}
		a := n.NewActivations(lane.Width)
		for i := range a.Input() {
			a.Input()[i] = float32(i)
		}
		energy := make([]float32, lane.Width)
		n.Forward(a, a.Input(), energy)
		for _, v := range append(energy, n.InputGrad(n.NewScratch(lane.Width), a, ones[:lane.Width])...) {
			if v != 0 {
				t.Fatalf("power %d: %v where nothing differs", power, v)
			}
		}
	}
}
