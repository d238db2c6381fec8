package joule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/weights"
)

// A Card says where a model comes from. It travels in the model's file.
type Card struct {
	Config        Config // of the run that trained it, as [Config.ForOthers] gives it
	Epochs, Steps int    // done
	// Validation holds quantiles of the energies of the held-out images at
	// the last validation: the 0th, 1st … last of len−1 equal parts. It is
	// empty before the first one. N is the number of images.
	Validation []float32
	N          int

	data string // the dataPrint of the images, as JSON; empty where it is not known
}

// quantiles is the number of parts that a Card divides the validation images
// into, by energy.
const quantiles = 1000

// cardJSON is what a file holds of a Card beside the settings.
type cardJSON struct {
	Epochs     int       `json:"epochs"`
	Steps      int       `json:"steps"`
	N          int       `json:"validation_images"`
	Validation []float32 `json:"validation_energies"`
}

func (c *Card) json() string {
	b, err := json.Marshal(cardJSON{c.Epochs, c.Steps, c.N, c.Validation})
	if err != nil {
		panic("joule: " + err.Error()) // validations check that energies are finite
	}
	return string(b)
}

// cardOf reads the card of a file, nil if it has none.
func cardOf(path string, meta map[string]string) (*Card, error) {
	if meta[weights.MetaCard] == "" {
		return nil, nil
	}
	base := DefaultConfig()
	base.Data = UnknownData // for a file that does not tell
	cfg, err := ParseKeptConfig(path+" (config)", []byte(meta[weights.MetaConfig]), base)
	if err != nil {
		return nil, err
	}
	fault := func(format string, a ...any) error {
		return &checkpoint.Error{Fault: "model card: " + fmt.Sprintf(format, a...), Hint: weights.NotOurs}
	}
	var j cardJSON
	d := json.NewDecoder(strings.NewReader(meta[weights.MetaCard]))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, fault("%v", err)
	}
	if !slices.IsSorted(j.Validation) || len(j.Validation) == 1 || j.N < 0 || j.Epochs < 0 || j.Steps < 0 {
		return nil, fault("its numbers are out of order")
	}
	return &Card{Config: cfg.ForOthers(), data: meta[weights.MetaData], Epochs: j.Epochs, Steps: j.Steps, N: j.N, Validation: j.Validation}, nil
}

// setValidation keeps quantiles of energies, which it sorts.
func (c *Card) setValidation(energies []float32) {
	slices.Sort(energies)
	c.N = len(energies)
	c.Validation = c.Validation[:0:0] // models share the old ones
	last := len(energies) - 1
	for i := range quantiles + 1 {
		c.Validation = append(c.Validation, energies[(i*last+quantiles/2)/quantiles])
	}
}

// Rank returns the share of the held-out images whose energy is below e: near
// 0 for an image as likely as the likeliest of them, 1 for one that is less
// likely than all. ok is false where the card has no validation.
func (c *Card) Rank(e float32) (rank float64, ok bool) {
	if c == nil || len(c.Validation) < 2 {
		return 0, false
	}
	q := c.Validation
	i, _ := slices.BinarySearch(q, e) // q[i−1] < e ≤ q[i]
	switch {
	case i == 0:
		return 0, true
	case i == len(q):
		return 1, true
	}
	within := float64(e-q[i-1]) / float64(q[i]-q[i-1])
	return (float64(i-1) + within) / float64(len(q)-1), true
}

// Threshold returns the energy above which the given share of the held-out
// images lies: images above it may be called outliers, at that rate of false
// positives. ok is false where the card has no validation.
func (c *Card) Threshold(rate float64) (energy float32, ok bool) {
	if !(rate >= 0 && rate <= 1) {
		panic(fmt.Sprintf("joule: Threshold at a rate of %v", rate))
	}
	if c == nil || len(c.Validation) < 2 {
		return 0, false
	}
	last := float64(len(c.Validation) - 1)
	at := float64((1 - rate) * last)
	i := min(int(at), len(c.Validation)-2)
	lo, hi := c.Validation[i], c.Validation[i+1]
	return lo + float32(float32(at-float64(i))*(hi-lo)), true
}
