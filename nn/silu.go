package nn

// SiLU describes the activation x·σ(x) (Ramachandran et al. 2017).
func SiLU() LayerSpec { return LayerSpec{Type: SiLUType} }
