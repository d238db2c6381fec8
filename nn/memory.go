package nn

import "github.com/joule-ml/joule/lane"

// Memory is how many bytes a network and what runs it take, about.
type Memory struct {
	Parameters  int64 // as one vector
	Packed      int64 // the parameters as the kernels want them, and the plans of the layers
	Grad        int64 // a packed gradient
	Activations int64 // of an image; of a block as often as it has lanes
	Scratch     int64 // of a worker besides, for each lane
}

// Memory returns what a network of the spec takes, without building it.
func (s Spec) Memory() (Memory, error) {
	n, err := outline(s)
	if err != nil {
		return Memory{}, err
	}
	const float = 4 // bytes
	m := Memory{
		Parameters: float * int64(n.offset[len(n.layers)]), Grad: float * int64(n.GradLen()),
		Activations: float * int64(s.Input.Len()),
	}
	m.Packed = 4 * m.Parameters // for both directions, and where each stands
	shape := s.Input
	largest := shape.Len()
	for i, l := range n.layers {
		if l == nil {
			continue
		}
		m.Activations += float * (int64(l.Out().Len()) + int64(l.savedLen()))
		if n.weights[i] != nil {
			m.Packed += 8 * int64(area(shape)+area(l.Out())) // a kernel.Pixel for each
		}
		shape = l.Out()
		largest = max(largest, shape.Len())
	}
	m.Scratch = float * (2*int64(largest) + int64(s.Input.Len()) + int64(n.sumsLen()))
	for _, j := range n.joins {
		m.Scratch += float * int64(n.shapeOf(j.source).Len())
	}
	return m, nil
}

func area(s lane.Shape) int { return s.H * s.W }
