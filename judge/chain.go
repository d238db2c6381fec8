package judge

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

// split cuts each chain in two halves; of an odd length it drops the middle.
// It returns an error unless there is a chain, all are finite and have four
// values at least, and some values differ.
func split(chains [][]float64) ([][]float64, error) {
	const input = "chains"
	if len(chains) == 0 {
		return nil, &Error{input, "there are none", ""}
	}
	n := len(chains[0])
	if n < 4 {
		return nil, &Error{input, fmt.Sprintf("%d steps are too few", n), "give 4 at least; hundreds say more"}
	}
	out := make([][]float64, 0, 2*len(chains))
	still := true
	for c, x := range chains {
		if len(x) != n {
			panic(fmt.Sprintf("judge: chains of %d and of %d steps", n, len(x)))
		}
		if err := finite(fmt.Sprintf("chain %d", c), x); err != nil {
			return nil, err
		}
		out = append(out, x[:n/2], x[n-n/2:])
	}
	for _, x := range out {
		for _, v := range x {
			still = still && v == out[0][0]
		}
	}
	if still {
		return nil, &Error{input, "all values are equal", "a chain that does not move says nothing of mixing"}
	}
	return out, nil
}

// SplitRHat returns the split-R̂ of chains of one scalar, such as the energy,
// a row each of one length: how far the chains, and the first and second half
// of each, disagree (Gelman et al., "Bayesian data analysis", 3rd ed. 2013,
// 11.4). With the halves as 2M chains of n values,
//
//	R̂ = √( ((n−1)/n·W + B/n) / W )
//
// where W is the mean of the variances within them and B/n the variance of
// their means. 1 is what mixed chains tend to; above 1.01 they have not mixed.
// It is +Inf where each half stands still at a value of its own.
func SplitRHat(chains [][]float64) (float64, error) {
	halves, err := split(chains)
	if err != nil {
		return 0, err
	}
	return rHat(halves), nil
}

func rHat(chains [][]float64) float64 {
	n := float64(len(chains[0]))
	means, within := make([]float64, len(chains)), 0.0
	for c, x := range chains {
		means[c] = mean(x)
		within += variance(x)
	}
	within /= float64(len(chains))
	return math.Sqrt((n-1)/n + variance(means)/within)
}

// RHat returns the rank-normalised split-R̂, the larger of that of the values
// and that of their distances from the median, so that it also sees tails and
// variances that disagree, and needs no finite moments (Vehtari et al.,
// "Rank-normalization, folding, and localization: an improved R̂", Bayesian
// Analysis 2021, equations 14 to 16). Where neither moves within the halves
// it is +Inf, as SplitRHat.
func RHat(chains [][]float64) (float64, error) {
	halves, err := split(chains)
	if err != nil {
		return 0, err
	}
	bulk := rHat(normalRanks(halves))
	// The median is halfway between the two middle values; there is an even
	// number of values. Twice the distance from it is what is ranked: written
	// so, that of the two is equal to the last bit.
	all := sorted(slices.Concat(halves...))
	a, b := all[len(all)/2-1], all[len(all)/2]
	folded := make([][]float64, len(halves))
	for c, x := range halves {
		folded[c] = make([]float64, len(x))
		for i, v := range x {
			folded[c][i] = math.Abs((v - a) + (v - b))
		}
	}
	tail := rHat(normalRanks(folded))
	// 0/0: all values are equally far from the median, so that only the bulk
	// can tell anything.
	if math.IsNaN(tail) {
		tail = 0
	}
	return max(bulk, tail), nil
}

// normalRanks replaces each value by the normal quantile of its rank r among
// all S, Φ⁻¹((r − 3/8)/(S + 1/4)), equal ones by that of their mean rank (Blom
// 1958).
func normalRanks(chains [][]float64) [][]float64 {
	all := slices.Concat(chains...)
	s := sorted(all)
	z := make(map[float64]float64, len(s))
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] == s[i] {
			j++
		}
		rank := float64(i+1+j) / 2
		z[s[i]] = normalQuantile((rank - 0.375) / (float64(len(s)) + 0.25))
		i = j
	}
	out := make([][]float64, len(chains))
	for c, x := range chains {
		out[c] = make([]float64, len(x))
		for i, v := range x {
			out[c][i] = z[v]
		}
	}
	return out
}

// EffectiveSize returns how many independent draws tell the mean of a scalar
// as well as chains of it do, a row each of one length, over the split chains
// and with the variance between them, as Stan does (Vehtari et al. 2021,
// equations 10 to 13):
//
//	N_eff = MN / τ,  τ = −1 + 2 Σₜ P̂ₜ,  P̂ₜ = ρ̂₂ₜ + ρ̂₂ₜ₊₁
//
// The sum ends by Geyer's initial monotone sequence ("Practical Markov chain
// Monte Carlo", Statistical Science 1992): before the first P̂ₜ that is
// negative, and none counts more than the one before it. It is at most
// MN·log₁₀ MN, which is also what chains of a few steps give, whatever they
// do: they have no lags to tell by. Stan's developers ask for 100 a chain
// before they trust R̂ or the mean.
func EffectiveSize(chains [][]float64) (float64, error) {
	halves, err := split(chains)
	if err != nil {
		return 0, err
	}
	return effectiveSize(halves), nil
}

// BulkSize is EffectiveSize of the rank-normalised values: the bulk-ESS of
// Vehtari et al. 2021.
func BulkSize(chains [][]float64) (float64, error) {
	halves, err := split(chains)
	if err != nil {
		return 0, err
	}
	return effectiveSize(normalRanks(halves)), nil
}

func effectiveSize(chains [][]float64) float64 {
	n := len(chains[0])
	cov, means := autocovariance(chains)
	within := cov[0] * float64(n) / float64(n-1)
	total := cov[0] + variance(means)
	at := func(lag int) float64 { return 1 - (within-cov[lag])/total }

	rho := make([]float64, n)
	rho[0], rho[1] = 1, at(1)
	even, odd := rho[0], rho[1]
	t := 1
	for ; t < n-3 && even+odd > 0; t += 2 {
		even, odd = at(t+1), at(t+2)
		if even+odd >= 0 {
			rho[t+1], rho[t+2] = even, odd
		}
	}
	// The last pair ends the sum, but its even part counts once where it is
	// positive, which improves the estimate for antithetic chains.
	end := t - 1
	if even > 0 {
		rho[end] = even
	}
	for t := 1; t < end-2; t += 2 {
		if before := rho[t-1] + rho[t]; rho[t+1]+rho[t+2] > before {
			rho[t+1], rho[t+2] = before/2, before/2
		}
	}
	tau := -1 + rho[end]
	for _, r := range rho[:end] {
		tau += 2 * r
	}
	size := float64(len(chains) * n)
	return size / max(tau, 1/math.Log10(size))
}

// autocovariance returns the autocovariance of chains of n values at the lags
// 0 … n−1, divided by n and averaged over the chains, and the chains' means.
// It takes O(n log n) for each chain.
func autocovariance(chains [][]float64) (cov, means []float64) {
	n := len(chains[0])
	// Zeros keep the end of a chain from meeting its beginning.
	padded := 1
	for padded < 2*n {
		padded *= 2
	}
	fft := fourier.NewFFT(padded)
	x, spectrum, power := make([]float64, padded), make([]complex128, padded/2+1), make([]complex128, padded/2+1)
	means = make([]float64, len(chains))
	for c, chain := range chains {
		means[c] = mean(chain)
		clear(x)
		for i, v := range chain {
			x[i] = v - means[c]
		}
		fft.Coefficients(spectrum, x)
		for i, z := range spectrum {
			power[i] += complex(real(z)*real(z)+imag(z)*imag(z), 0)
		}
	}
	fft.Sequence(x, power)
	cov = x[:n]
	for t := range cov {
		cov[t] /= float64(padded) * float64(n) * float64(len(chains))
	}
	return cov, means
}
