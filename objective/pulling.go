package objective

import (
	"math"

	"github.com/joule-ml/joule/lane"
)

// pullingAway is the term that keeps the codes s of the N images of a batch apart
// (Zhao, Mathieu and LeCun 2016, section 2.4):
//
//	f_PT = 1/(N(N−1)) Σᵢ Σ_{j≠i} cᵢⱼ²,   cᵢⱼ = sᵢᵀsⱼ/(‖sᵢ‖‖sⱼ‖)
//
// It is the one place where images of a batch see each other. A code of zeros has no
// direction and counts as at right angles to all; one image alone has f_PT = 0.
type pullingAway struct {
	n, size int
	weight  float64
	s       []float32   // the codes
	units   []float32   // s/‖s‖
	norms   []float64   // ‖s‖
	cosines []float64   // cᵢⱼ, row by row
	rows    []float64   // Σ_{j≠i} cᵢⱼ² of each i
	grad    []float32   // of weight·f_PT by s
	sums    [][]float64 // of a worker, as long as a code
	crew    lane.Crew
	unit    func(worker, i int) // setUnit, setCosines and setGrad, bound once
	cosine  func(worker, i int)
	pull    func(worker, i int)
}

// codes returns where to put n codes of a size.
func (p *pullingAway) codes(n, size int) []float32 {
	p.n, p.size = n, size
	if len(p.norms) < n {
		p.s, p.units, p.grad = make([]float32, n*size), make([]float32, n*size), make([]float32, n*size)
		p.norms, p.rows, p.cosines = make([]float64, n), make([]float64, n), make([]float64, n*n)
		p.unit, p.cosine, p.pull = p.setUnit, p.setCosines, p.setGrad
	}
	return p.s[:n*size]
}

// measure returns f_PT and the gradient of weight·f_PT by the codes, which is valid
// until the next one.
func (p *pullingAway) measure(threads int, weight float64) (f float64, grad []float32) {
	for len(p.sums) < threads {
		p.sums = append(p.sums, make([]float64, p.size))
	}
	p.weight = weight
	p.crew.Each(threads, p.n, p.unit)
	p.crew.Each(threads, p.n, p.cosine)
	p.crew.Each(threads, p.n, p.pull)
	for _, row := range p.rows[:p.n] {
		f += row
	}
	return f / p.pairs(), p.grad[:p.n*p.size]
}

// pairs is N(N−1), but 1 where there are none.
func (p *pullingAway) pairs() float64 { return float64(max(1, p.n*(p.n-1))) }

func (p *pullingAway) of(v []float32, i int) []float32 { return v[i*p.size : (i+1)*p.size] }

func (p *pullingAway) setUnit(_, i int) {
	s, u := p.of(p.s, i), p.of(p.units, i)
	norm := math.Sqrt(dot(s, s))
	p.norms[i] = norm
	clear(u)
	if norm == 0 {
		return
	}
	for k, v := range s {
		u[k] = float32(float64(v) / norm)
	}
}

// setCosines sets those of i and the codes after it, in both orders.
func (p *pullingAway) setCosines(_, i int) {
	for j := i + 1; j < p.n; j++ {
		c := dot(p.of(p.units, i), p.of(p.units, j))
		p.cosines[i*p.n+j], p.cosines[j*p.n+i] = c, c
	}
}

// setGrad sets
//
//	∂f_PT/∂sᵢ = 4/(N(N−1)‖sᵢ‖) Σ_{j≠i} cᵢⱼ(uⱼ − cᵢⱼuᵢ),   u = s/‖s‖
//
// and row i: each pair stands twice in the sum.
func (p *pullingAway) setGrad(worker, i int) {
	sum := p.sums[worker]
	clear(sum)
	squares := 0.0
	for j := range p.n {
		if j == i {
			continue
		}
		c := p.cosines[i*p.n+j]
		squares += float64(c * c)
		for k, u := range p.of(p.units, j) {
			sum[k] += float64(c * float64(u))
		}
	}
	p.rows[i] = squares
	scale, u, grad := 0.0, p.of(p.units, i), p.of(p.grad, i)
	if p.norms[i] > 0 {
		scale = 4 * p.weight / (p.pairs() * p.norms[i])
	}
	for k, s := range sum {
		grad[k] = float32(scale * (s - float64(squares*float64(u[k]))))
	}
}

// dot sums in four parts, which do not wait for each other.
func dot(a, b []float32) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	for len(a) >= 4 {
		s0 += float64(float64(a[0]) * float64(b[0]))
		s1 += float64(float64(a[1]) * float64(b[1]))
		s2 += float64(float64(a[2]) * float64(b[2]))
		s3 += float64(float64(a[3]) * float64(b[3]))
		a, b = a[4:], b[4:]
	}
	for k, v := range a {
		s0 += float64(float64(v) * float64(b[k]))
	}
	return (s0 + s1) + (s2 + s3)
}
