package nn

// Tanh describes the activation tanh x, which lies between −1 and 1 as pixels do.
func Tanh() LayerSpec { return LayerSpec{Type: TanhType} }
