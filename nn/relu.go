package nn

// ReLU describes the activation max(x, 0), with the derivative 1 where x > 0 and 0
// elsewhere (Nair and Hinton 2010).
func ReLU() LayerSpec { return LayerSpec{Type: ReLUType} }
