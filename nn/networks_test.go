package nn

import "github.com/joule-ml/joule/lane"

// networks cover every layer alone (with the least that makes an energy of
// it), odd channel counts, strides above the kernel, padding at and above the
// kernel, and the whole energy.
var networks = map[string]Spec{
	"transposed":      spec(lane.Shape{C: 3, H: 2, W: 3}, ConvTranspose2D(5, 3, 2, 1, 1), SiLU(), Conv2D(2, 3, 1, 1), Flatten(), Linear(1)),
	"transposed, up":  spec(lane.Shape{C: 7, H: 2, W: 2}, Conv2D(6, 1, 1, 0), LeakyReLU(0.2), ConvTranspose2D(4, 4, 2, 1, 0), Tanh(), ConvTranspose2D(1, 5, 3, 4, 2), Tanh(), Flatten(), Linear(1)),
	"transposed, odd": spec(lane.Shape{C: 1, H: 3, W: 2}, ConvTranspose2D(9, 2, 1, 0, 0), ConvTranspose2D(3, 1, 3, 0, 0), ConvTranspose2D(2, 4, 1, 3, 0), Flatten(), Linear(1)),
	"upsample":        spec(lane.Shape{C: 2, H: 1, W: 2}, Upsample(2), Conv2D(3, 3, 1, 1), SiLU(), Upsample(3), Flatten(), Linear(1)),
	"avgpool":         spec(lane.Shape{C: 2, H: 7, W: 6}, AvgPool2D(2, 0), SiLU(), AvgPool2D(2, 1), Flatten(), Linear(1)),
	"avgpool, gaps":   spec(lane.Shape{C: 1, H: 8, W: 8}, AvgPool2D(2, 3), Flatten(), Linear(1)),
	"reshape":         spec(lane.Shape{C: 2, H: 2, W: 3}, Flatten(), Linear(24), SiLU(), Reshape(4, 2, 3), ConvTranspose2D(3, 4, 2, 1, 0), Reshape(6, 3, 4), SiLU(), Flatten(), Reshape(8, 3, 3), Conv2D(2, 3, 1, 0), Flatten(), Linear(1)),
	"residual":        spec(lane.Shape{C: 2, H: 4, W: 3}, Conv2D(2, 3, 1, 1), Residual(1), SiLU(), Conv2D(3, 3, 1, 1), SiLU(), Conv2D(3, 3, 1, 1), SiLU(), Residual(2), Conv2D(3, 1, 1, 0), Tanh(), Conv2D(3, 3, 1, 1), Residual(2), Residual(6), Flatten(), Linear(4), SiLU(), Linear(4), Residual(2), Residual(3), Linear(1)),
	"residual, twice": spec(lane.Shape{C: 2, H: 4, W: 3}, SiLU(), Residual(1), Residual(1), Residual(3), Flatten(), SiLU(), Residual(1), Linear(1)),
	"distance":        spec(lane.Shape{C: 1, H: 4, W: 4}, Conv2D(3, 4, 2, 1), LeakyReLU(0.2), ConvTranspose2D(1, 4, 2, 1, 0), Tanh(), Distance(1)),
	"distance, mlp":   spec(lane.Shape{C: 3, H: 2, W: 2}, Flatten(), Linear(5), ReLU(), Linear(12), Sigmoid(), Reshape(3, 2, 2), Distance(2)),
	"distance, below": spec(lane.Shape{C: 2, H: 2, W: 2}, Conv2D(2, 3, 1, 1), Residual(1), Distance(2), SiLU(), Linear(3), Linear(1)),
	"squares":         spec(lane.Shape{C: 3, H: 4, W: 4}, ConvTranspose2D(1, 4, 2, 1, 0), Tanh(), ConvTranspose2D(2, 3, 2, 1, 1), AvgPool2D(4, 0), Flatten(), Linear(1)),
	"transposed, dot": spec(lane.Shape{C: 5, H: 1, W: 1}, ConvTranspose2D(3, 4, 1, 0, 0), SiLU(), Conv2D(2, 3, 1, 1), Flatten(), Linear(1)),
	"groupnorm":       spec(lane.Shape{C: 4, H: 3, W: 2}, GroupNorm(2), Flatten(), Linear(1)),
	"layernorm":       spec(lane.Shape{C: 2, H: 3, W: 3}, GroupNorm(1), Flatten(), Linear(5), GroupNorm(1), Linear(1)),
	"norms, between":  spec(lane.Shape{C: 1, H: 5, W: 5}, Conv2D(6, 3, 1, 1), SiLU(), GroupNorm(3), LeakyReLU(0.2), Conv2D(4, 3, 2, 1), GroupNorm(4), Residual(1), Conv2D(2, 3, 1, 1), GroupNorm(1), Tanh(), Flatten(), Linear(1)),
	"dropout":         spec(lane.Shape{C: 2, H: 3, W: 2}, Conv2D(3, 3, 1, 1), LeakyReLU(0.2), Dropout(0.3), Flatten(), Linear(1)),
	"linear":          spec(lane.Shape{C: 2, H: 3, W: 3}, Flatten(), Linear(1)),
	"linear, vector":  spec(lane.Shape{C: 7, H: 1, W: 1}, Linear(5), Linear(1)),
	"silu":            spec(lane.Shape{C: 2, H: 2, W: 3}, SiLU(), Flatten(), Linear(1)),
	"relu":            spec(lane.Shape{C: 2, H: 2, W: 3}, ReLU(), Flatten(), Linear(1)),
	"relu, between":   spec(lane.Shape{C: 1, H: 5, W: 5}, Conv2D(3, 3, 2, 1), ReLU(), SiLU(), Conv2D(4, 3, 1, 1), ReLU(), Flatten(), Linear(3), ReLU(), Linear(1)),
	"leakyrelu":       spec(lane.Shape{C: 2, H: 2, W: 3}, LeakyReLU(0.2), Flatten(), Linear(1)),
	"tanh":            spec(lane.Shape{C: 2, H: 2, W: 3}, Tanh(), Flatten(), Linear(1)),
	"sigmoid":         spec(lane.Shape{C: 2, H: 2, W: 3}, Sigmoid(), Flatten(), Linear(1)),
	"activations":     spec(lane.Shape{C: 1, H: 5, W: 5}, Conv2D(3, 3, 2, 1), LeakyReLU(0.3), Tanh(), Conv2D(4, 3, 1, 1), Tanh(), Flatten(), Linear(3), Sigmoid(), Linear(2), LeakyReLU(0.01), Linear(1), Sigmoid()),
	"conv":            spec(lane.Shape{C: 1, H: 5, W: 5}, Conv2D(1, 5, 1, 0)),
	"conv, 3 to 5":    spec(lane.Shape{C: 3, H: 7, W: 6}, Conv2D(5, 3, 1, 1), Flatten(), Linear(1)),
	"conv, stride 2":  spec(lane.Shape{C: 2, H: 7, W: 8}, Conv2D(6, 3, 2, 1), Flatten(), Linear(1)),
	"conv, stride 3":  spec(lane.Shape{C: 1, H: 8, W: 9}, Conv2D(4, 2, 3, 0), Flatten(), Linear(1)),
	"conv, padding 4": spec(lane.Shape{C: 1, H: 6, W: 6}, Conv2D(8, 5, 2, 4), Flatten(), Linear(1)),
	"conv, padding 3": spec(lane.Shape{C: 2, H: 3, W: 3}, Conv2D(9, 2, 1, 3), Flatten(), Linear(1)),
	"colour":          spec(lane.Shape{C: 3, H: 6, W: 6}, Conv2D(6, 3, 1, 1), SiLU(), Conv2D(5, 4, 2, 1), SiLU(), Flatten(), Linear(3), SiLU(), Linear(1)),
	"silu, last":      spec(lane.Shape{C: 1, H: 4, W: 4}, Conv2D(3, 3, 1, 1), SiLU(), SiLU(), Conv2D(1, 4, 1, 0), SiLU()),
	"document, small": spec(lane.Shape{C: 1, H: 8, W: 8}, Conv2D(2, 5, 2, 4), SiLU(), Conv2D(4, 3, 2, 1), SiLU(), Conv2D(8, 3, 2, 1), SiLU(), Conv2D(8, 3, 2, 1), SiLU(), Flatten(), Linear(8), SiLU(), Linear(1)),
}

func spec(in lane.Shape, layers ...LayerSpec) Spec {
	return Spec{Input: in, Prefix: "l", Layers: layers}
}
