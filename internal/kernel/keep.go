package kernel

// Keep sets d, a block of the given width, to scale or to 0, by chance and apart for
// each value: element e of lane l is 0 where the upper 24 bits of a word, as a
// number, are below drop. That is word e%4 of Philox's four for lane l's counter
// and the index first + e/4, as in Noise. Every kernel gives the same bits.
func Keep(width int, d []float32, c *Counter, first, drop uint32, scale float32) {
	checkWidth(width)
	if len(d)%width != 0 {
		panic("kernel: Keep of a partial vector")
	}
	keep(width, d, c, first, drop, scale)
}

// keepGeneric sets the elements from a group of four on.
func keepGeneric(width int, d []float32, c *Counter, first, drop uint32, scale float32, group int) {
	for l := range width {
		for e := 4 * group; e < len(d)/width; e += 4 {
			w := Philox([4]uint32{c.Stream[l], c.Chain[l], c.Step[l], first + uint32(e/4)}, [2]uint32{c.Key0[l], c.Key1[l]})
			for j := e; j < min(e+4, len(d)/width); j++ {
				d[j*width+l] = 0
				if w[j-e]>>8 >= drop {
					d[j*width+l] = scale
				}
			}
		}
	}
}
