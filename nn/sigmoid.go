package nn

// Sigmoid describes the activation 1/(1+exp(−x)), which lies between 0 and 1.
func Sigmoid() LayerSpec { return LayerSpec{Type: SigmoidType} }
