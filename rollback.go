package joule

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/joule-ml/joule/random"
)

// A keptState is a training to go back to.
type keptState struct {
	place      place
	weights    []float32
	m, v       []float32 // Adam's moments
	average    []float32 // of the weights; nil where there is none
	buffer     replayMark
	validation Card
}

// keptStates is the number of states that a guard keeps: the older is at least
// EveryNSteps old, so that trouble of up to a window began after it.
const keptStates = 2

// weights.GuardReplay returns the number of images that the replay buffer keeps beyond
// its size: those put in it since the older of the kept states.
func (c Config) guardImages() int {
	if c.Guard.Retries == 0 || c.Buffer.Policy == policyReservoir {
		return 0
	}
	return keptStates * c.Guard.EveryNSteps * min(c.BatchSize, c.Buffer.Size)
}

// begin keeps the state of a training that has none to go back to.
func (g *guard) begin(t *Trainer) {
	if g == nil {
		return
	}
	g.drop(t)
	if len(g.states) == 0 {
		g.keep(t)
	}
}

// drop removes states that a use of the trainer outside of Fit has overtaken.
func (g *guard) drop(t *Trainer) {
	g.states = slices.DeleteFunc(g.states, func(k *keptState) bool { return t.replay.reach(k.buffer) > t.replay.room })
}

// keep adds the trainer's state, and drops the oldest beyond keptStates.
func (g *guard) keep(t *Trainer) {
	k := &keptState{
		place: t.place, weights: slices.Clone(t.net.Params()), m: slices.Clone(t.adam.M), v: slices.Clone(t.adam.V),
		buffer: t.replay.mark(), validation: t.validation,
	}
	if t.average != nil {
		k.average = slices.Clone(t.average.params)
	}
	if len(g.states) == keptStates {
		g.states = append(g.states[:0], g.states[1:]...)
	}
	g.states = append(g.states, k)
}

// endEpoch makes the trainer's state the only one: epochs that callbacks have
// seen the end of are not undone.
func (g *guard) endEpoch(t *Trainer) {
	if g == nil {
		return
	}
	if n := len(t.rollbacks); n == 0 || t.rollbacks[n-1].Epoch < t.place.Epoch-1 {
		g.tries = 0
	}
	g.states = nil
	g.keep(t)
}

// A Rollback is a return to an earlier state of a training that diverged, with
// other noise and one thing changed. What that is depends on the rule that was
// broken and on how many tries there have been; changes stay.
//
//	                             first             second              third
//	finite, energy, gradient,
//	flat, gap below, validation  learning rate ÷4  learning rate ÷10   learning rate ÷10
//	gap above                    steps ×2          learning rate ÷4    steps ×2
//	bounds                       replay buffer     step size ÷2        learning rate ÷4
//	blank, diversity             replay buffer     learning rate ÷4    replay buffer
//
// and so on in turns. Steps and step size are those of the sampler; of the
// replay buffer half becomes uniform noise.
type Rollback struct {
	Epoch int    `json:"epoch"` // where the trouble was, counted from 0
	Step  int    `json:"step"`  // the same
	Rule  string `json:"rule"`  // that was broken, see [GuardConfig]
	Seen  string `json:"seen"`  // what was noticed, in words
	To    int    `json:"to"`    // optimizer steps of the state gone back to
	Did   string `json:"did"`   // what was changed, in words
	// Key is the setting that was changed, From one value To another, as
	// [Config.Set] takes them; all "" for none.
	Key  string `json:"key,omitempty"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	Try  int    `json:"try"`  // since the last epoch without a rollback, counted from 1
	Most int    `json:"most"` // tries before the training is given up
}

// String tells of a rollback in a line.
func (r Rollback) String() string {
	return fmt.Sprintf("epoch %d, step %d: %s; went back to step %d, try %d of %d: %s", r.Epoch+1, r.Step+1, r.Seen, r.To, r.Try, r.Most, r.Did)
}

// Rollbacks returns those that the run has had.
func (t *Trainer) Rollbacks() []Rollback { return slices.Clone(t.rollbacks) }

// rollBack goes back to an earlier state and tells the callbacks, if err is a
// divergence and a try is left. Otherwise it returns err.
func (t *Trainer) rollBack(err error, cb *callbacks) error {
	var trouble *DivergedError
	if !errors.As(err, &trouble) || t.guard == nil {
		return err
	}
	if trouble.Rule == "" {
		trouble.Rule = ruleFinite
	}
	if t.guard.tries >= t.guard.cfg.Retries || t.place.Retry == math.MaxUint16 {
		trouble.Rollbacks = t.guard.tries
		trouble.Hint = t.advice()
		return trouble
	}
	r := t.guard.back(t, trouble)
	t.rollbacks = append(t.rollbacks, r)
	return cb.onRollback(t, r)
}

// back restores the oldest state, and changes it so that it takes another way.
func (g *guard) back(t *Trainer, trouble *DivergedError) Rollback {
	k, retry := g.states[0], t.place.Retry
	t.place = k.place
	t.place.Retry = retry + 1
	copy(t.net.Params(), k.weights)
	copy(t.adam.M, k.m)
	copy(t.adam.V, k.v)
	t.adam.Steps = t.place.Step
	t.net.Pack()
	if t.average != nil {
		copy(t.average.params, k.average)
		t.average.stale = true
	}
	t.replay.back(k.buffer)
	t.validation = k.validation
	for i := range g.windows {
		g.windows[i] = g.windows[i][:0]
	}
	r := Rollback{
		Epoch: trouble.Epoch, Step: trouble.Step, Rule: trouble.Rule, Seen: trouble.seen(), To: t.place.Step,
		Try: g.tries + 1, Most: g.cfg.Retries,
	}
	cures := trouble.cures()
	cures[g.tries%len(cures)](t, &r)
	g.tries++
	g.states = nil
	g.keep(t)
	return r
}

// A cure changes one thing after a rollback.
type cure func(*Trainer, *Rollback)

func renewBuffer(t *Trainer, r *Rollback) {
	t.replay.renew(t.stream(random.InitialNoise))
	r.Did = "half of the replay buffer is noise again"
}
func lowerRate(t *Trainer, r *Rollback)    { t.change(r, "optimizer.learning_rate", 0.25) }
func slashRate(t *Trainer, r *Rollback)    { t.change(r, "optimizer.learning_rate", 0.1) }
func moreSteps(t *Trainer, r *Rollback)    { t.change(r, "sampler.steps", 2) }
func smallerSteps(t *Trainer, r *Rollback) { t.change(r, "sampler.step_size", 0.5) }

// cures lists what to do about trouble, see [Rollback].
func (e *DivergedError) cures() []cure {
	switch e.Rule {
	case ruleGapAbove:
		return []cure{moreSteps, lowerRate, moreSteps}
	case ruleBounds:
		return []cure{renewBuffer, smallerSteps, lowerRate}
	case ruleBlank, ruleDiversity:
		return []cure{renewBuffer, lowerRate, renewBuffer}
	}
	return []cure{lowerRate, slashRate, slashRate}
}

// change multiplies a setting.
func (t *Trainer) change(r *Rollback, key string, factor float64) {
	s, ok := t.cfg.Settings().Find(key)
	if !ok {
		panic("joule: no setting " + key)
	}
	r.Key, r.Old = key, s.String()
	switch p := s.Value.(type) {
	case *int:
		*p = int(min(float64(*p)*factor, s.Hi))
	case *float32:
		*p *= float32(factor)
	case *float64:
		*p *= factor
	}
	r.New = s.String()
	r.Did = fmt.Sprintf("%s is now %s, and was %s", key, r.New, r.Old)
}

// advice says what else to try when rollbacks have not helped.
func (t *Trainer) advice() string {
	hint := "try a lower optimizer.learning_rate"
	if r := t.cfg.Optimizer.LearningRate; r > 0 {
		hint += fmt.Sprintf(" than %.4g", r)
	}
	return hint + ", a larger objective.alpha, more sampler.steps, another --seed, or more guard.retries"
}

// Asked returns the settings as they were asked for, without what rollbacks
// have changed: those that give the same run again.
func (t *Trainer) Asked() Config {
	c := t.cfg
	for _, r := range slices.Backward(t.rollbacks) {
		// Whoever resumed with another value has asked for that.
		if s, ok := c.Settings().Find(r.Key); ok && s.String() == r.New {
			if err := s.Set(r.Old); err != nil {
				panic("joule: " + err.Error()) // it was in use, or has been checked when it was read
			}
		}
	}
	return c
}

// askedYAML is the config.yaml of a run.
func (t *Trainer) askedYAML() []byte {
	var b strings.Builder
	b.Write(t.Asked().YAML())
	if len(t.rollbacks) > 0 {
		b.WriteString("\n# These are the settings as asked for. On the way the guard has changed:\n")
		for _, r := range t.rollbacks {
			fmt.Fprintf(&b, "#   at step %d: %s\n", r.To, r.Did)
		}
	}
	return []byte(b.String())
}
