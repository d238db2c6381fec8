package nn

// Flatten describes the step from an image to a vector, channel by channel.
// Nothing runs there: the block stays as it is, and Linear reads it in its own
// order.
func Flatten() LayerSpec { return LayerSpec{Type: FlattenType} }
