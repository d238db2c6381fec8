package sampler

import "testing"

func TestBounce(t *testing.T) {
	for _, c := range []struct{ y, lo, hi, want, p float32 }{
		{1.25, -1, 1, 0.75, -1}, {-1.5, -1, 1, -0.5, -1}, {3.5, -1, 1, -0.5, 1}, {-3.25, -1, 1, 0.75, 1},
		{5.5, -1, 1, 0.5 - 1 + 1 - 1 + 1, -1}, {2, 0, 1.5, 1, -1}, {-1e9, -1, 1, 1, 1},
	} {
		y, p := bounce(c.y, 1, c.lo, c.hi)
		if c.y == -1e9 {
			if y < c.lo || y > c.hi {
				t.Errorf("%v lands outside, at %v", c.y, y)
			}
			continue
		}
		if y != c.want || p != c.p {
			t.Errorf("%v in [%v, %v]: %v, momentum × %v, want %v, × %v", c.y, c.lo, c.hi, y, p, c.want, c.p)
		}
	}
}
