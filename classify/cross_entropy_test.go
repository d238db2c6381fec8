package classify

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// lossOf is the formula in float64, for logits that do not overflow.
func lossOf(logits []float64, labels []byte) (loss float64) {
	k := len(logits) / len(labels)
	for i, label := range labels {
		sum := 0.0
		for _, z := range logits[i*k : (i+1)*k] {
			sum += math.Exp(z)
		}
		loss += (math.Log(sum) - logits[i*k+int(label)]) / float64(len(labels))
	}
	return loss
}

func TestCrossEntropy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{1, 2}, {7, 10}, {64, 3}} {
		n, k := shape[0], shape[1]
		logits, wide, d := make([]float32, n*k), make([]float64, n*k), make([]float32, n*k)
		labels, right := make([]byte, n), 0
		for i := range logits {
			logits[i] = float32(3 * rng.NormFloat64())
			wide[i] = float64(logits[i])
		}
		for i := range labels {
			labels[i] = byte(rng.IntN(k))
			if row := logits[i*k : (i+1)*k]; row[labels[i]] == slices.Max(row) {
				right++
			}
		}
		loss, correct := crossEntropy(d, logits, labels)
		if want := lossOf(wide, labels); math.Abs(loss-want) > 1e-12*max(1, want) {
			t.Errorf("loss %v, want %v", loss, want)
		}
		if correct != right {
			t.Errorf("%d correct, want %d", correct, right)
		}
		const h = 1e-5
		for i := range wide {
			at := wide[i]
			wide[i] = at + h
			up := lossOf(wide, labels)
			wide[i] = at - h
			want := (up - lossOf(wide, labels)) / (2 * h)
			wide[i] = at
			if math.Abs(float64(d[i])-want) > 1e-7 {
				t.Fatalf("gradient %d is %v, want %v", i, d[i], want)
			}
		}
		p := slices.Clone(logits[:k])
		softmax(p, p)
		for j := range p { // of the first image, from its gradient
			want := float64(d[j]) * float64(n)
			if j == int(labels[0]) {
				want++
			}
			if math.Abs(float64(p[j])-want) > 1e-6 {
				t.Errorf("probability %d is %v, want %v", j, p[j], want)
			}
		}
	}
}

// What is not finite is not hidden, and a tie is not a right answer.
func TestCrossEntropyOfNoNumbers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		logits  []float32
		finite  bool
		correct int
	}{
		{[]float32{1, 0, 0}, true, 1},
		{[]float32{0, 0, 0}, true, 0},
		{[]float32{1, 1, 0}, true, 0},
		{[]float32{0, 1, 1}, true, 0},
		{[]float32{nan, 0, 0}, false, 0},
		{[]float32{1, nan, 0}, false, 0},
		{[]float32{inf, 0, 0}, false, 1},
		{[]float32{0, inf, 0}, false, 0},
		{[]float32{nan, nan, nan}, false, 0},
	} {
		d, p := make([]float32, 3), make([]float32, 3)
		loss, correct := crossEntropy(d, c.logits, []byte{0})
		softmax(p, c.logits)
		finite := func(v float64) bool { return v-v == 0 }
		if finite(loss) != c.finite || correct != c.correct {
			t.Errorf("%v: loss %v, %d correct", c.logits, loss, correct)
		}
		if finite(float64(d[0]+d[1]+d[2])) != c.finite || finite(float64(p[0]+p[1]+p[2])) != c.finite {
			t.Errorf("%v: gradient %v, probabilities %v", c.logits, d, p)
		}
	}
}
