package grid

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// roundTicks marks an axis at round numbers, some six of them.
type roundTicks struct{}

func (roundTicks) Ticks(lo, hi float64) []plot.Tick {
	step := roundUp((hi - lo) / 7)
	format := func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
	if step == 0 || math.IsInf(step, 0) || math.Abs(lo)/step > 1e12 || math.Abs(hi)/step > 1e12 {
		// Too narrow for round numbers: its ends have to do.
		return []plot.Tick{{Value: lo, Label: format(lo)}, {Value: hi, Label: format(hi)}}
	}
	if decimals := -int(math.Floor(math.Log10(step) + 1e-9)); step < 1e6 && decimals <= 5 {
		format = func(v float64) string { return strconv.FormatFloat(v, 'f', max(decimals, 0), 64) }
	}
	var ticks []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i <= math.Floor(hi/step+1e-9); i++ { // rounding must not lose an end
		ticks = append(ticks, plot.Tick{Value: i * step, Label: format(i*step + 0)}) // + 0 makes −0 a 0
	}
	return ticks
}

// roundUp returns the next 1, 2 or 5 times a power of ten.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

// decadeTicks marks an axis at powers of ten, at most some eight of them, and
// if these are few also in between.
type decadeTicks struct{}

func (decadeTicks) Ticks(lo, hi float64) []plot.Tick {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	every := (last-first)/8 + 1
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		v := math.Pow10(e)
		if v >= lo && v <= hi && e%every == 0 {
			label := strconv.FormatFloat(v, 'g', -1, 64)
			if e < -3 || e > 4 {
				label = "1e" + strconv.Itoa(e)
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
		for m := 2.0; m < 10 && every == 1; m++ {
			if m*v >= lo && m*v <= hi {
				ticks = append(ticks, plot.Tick{Value: m * v})
			}
		}
	}
	return ticks
}
