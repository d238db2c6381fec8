package engine

import (
	"fmt"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// BenchmarkGradient takes the gradient of the weights of the default recipe's batch:
// 64 real images and 64 samples.
func BenchmarkGradient(b *testing.B) {
	shape := lane.Shape{C: 1, H: 28, W: 28}
	net, err := nn.New(arch.CNN(32, shape))
	if err != nil {
		b.Fatal(err)
	}
	net.Init(1)
	parts := [][]float32{toy.Images(64, shape.Len(), 1), toy.Images(64, shape.Len(), 2)}
	grad := make([]float32, len(net.Params()))
	for _, threads := range []int{1, 2} {
		pass := New(net, threads).NewPass()
		b.Run(fmt.Sprintf("%d threads", threads), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pass.Gradient(grad, parts, func(part, _ int, y, dy []float32) { dy[0] = y[0] + float32(1-2*part) })
			}
		})
	}
}
