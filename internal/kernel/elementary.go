package kernel

import "math"

// The functions here are those of package math that the bits of trainings and
// samples depend on: package math has others for some processors, and on some
// the compiler joins its products and sums into one rounding. They give the
// bits that package math gives on amd64, on every processor.

// Log returns the natural logarithm of a positive normal number, by FreeBSD's
// e_log.c: x = 2ᵏ·(1+f) with √½ ≤ 1+f < √2, and log(1+f) by s = f/(2+f).
func Log(x float64) float64 {
	const (
		ln2Hi, ln2Lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10

		l1, l3, l5, l7 = 6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01
		l2, l4, l6     = 3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01
	)
	m, exp := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		exp--
	}
	f, k := m-1, float64(exp)
	s := f / (2 + f)
	s2 := s * s
	s4 := s2 * s2
	t1 := s2 * (l1 + float64(s4*(l3+float64(s4*(l5+float64(s4*l7))))))
	t2 := s4 * (l2 + float64(s4*(l4+float64(s4*l6))))
	half := float64(0.5 * f * f)
	sum := float64(s*(half+(float64(t1)+float64(t2)))) + float64(k*ln2Lo)
	return float64(k*ln2Hi) - ((half - sum) - f)
}

// sincos returns the sine and cosine of an angle from 0 to 2π, by Cephes's sin.c.
func sincos(x float64) (sin, cos float64) {
	const a, b, c = 7.85398125648498535156e-1, 3.77489470793079817668e-8, 2.69515142907905952645e-15 // π/4 in three parts
	octant := uint64(x * (4 / math.Pi))
	octant += octant & 1
	y := float64(octant)
	z := ((x - float64(y*a)) - float64(y*b)) - float64(y*c)
	zz := z * z
	cos = 1 - float64(0.5*zz) + float64(zz*zz*polynomial(zz, &cosine))
	sin = z + float64(z*zz*polynomial(zz, &sine))
	switch octant / 2 % 4 {
	case 1:
		return cos, -sin
	case 2:
		return -sin, -cos
	case 3:
		return -cos, sin
	}
	return sin, cos
}

var (
	sine = [6]float64{1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1}
	cosine = [6]float64{-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
		2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2}
)

// polynomial evaluates a polynomial whose highest coefficient comes first.
func polynomial(x float64, c *[6]float64) float64 {
	return float64((float64((float64((float64((float64(c[0]*x)+c[1])*x)+c[2])*x)+c[3])*x)+c[4])*x) + c[5]
}
