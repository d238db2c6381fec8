package joule

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/weights"
)

// A history is the guard of a training with the states to go back to. A nil
// history, of a training without a guard, keeps none.
type history struct {
	cfg    guard.Config
	guard  *guard.Guard
	tries  int // rollbacks since the last epoch without one
	states []*keptState
	spare  []*keptState // whose memory the next ones take
}

// A keptState is a training to go back to.
type keptState struct {
	place      place
	vectors    [][]float32 // copies of those that Trainer.vectors lists
	buffer     replay.Mark
	validation Card
}

// keptStates is the number of states that are kept: the older is at least
// EveryNSteps old, so that trouble of up to a window began after it.
const keptStates = 2

// olderImages returns the number of images that the replay buffer keeps beyond
// its size: those put in it since the older of the kept states.
func (c *Config) olderImages() int {
	if c.Guard.Retries == 0 || c.Buffer.Policy == replay.Reservoir {
		return 0
	}
	return keptStates * c.Guard.EveryNSteps * min(c.BatchSize, c.Buffer.Size)
}

func newHistory(c guard.Config, figures []metric.Figure) *history {
	return &history{cfg: c, guard: guard.New(c, figures)}
}

// judge returns the trouble of a step or validation: that it met a number that
// is not finite, or what the guard finds.
func (h *history) judge(err error, ask func(*guard.Guard) *guard.Trouble) (*guard.Trouble, error) {
	if err != nil {
		if bad := (*engine.NonFiniteError)(nil); errors.As(err, &bad) {
			return &guard.Trouble{Rule: guard.Finite, Seen: bad.Error()}, nil
		}
		return nil, err
	}
	if h == nil {
		return nil, nil
	}
	return ask(h.guard), nil
}

// begin keeps the state of a training that has none to go back to.
func (h *history) begin(t *Trainer) {
	if h == nil {
		return
	}
	h.drop(t)
	if len(h.states) == 0 {
		h.keep(t)
	}
}

// step keeps the trainer's state where it is time.
func (h *history) step(t *Trainer) {
	if h != nil && t.place.Step-h.states[len(h.states)-1].place.Step >= h.cfg.EveryNSteps {
		h.keep(t)
	}
}

// endEpoch makes the trainer's state the only one: epochs that callbacks have
// seen the end of are not undone.
func (h *history) endEpoch(t *Trainer) {
	if h == nil {
		return
	}
	// Short epochs are too soon to tell whether a cure has helped.
	if n := len(t.rollbacks); n == 0 || t.rollbacks[n-1].Epoch < t.place.Epoch-1 && t.place.Step-t.rollbacks[n-1].To >= h.cfg.EveryNSteps {
		h.tries = 0
	}
	h.forget()
	h.keep(t)
}

// forget drops all states.
func (h *history) forget() {
	h.spare = append(h.spare, h.states...)
	h.states = h.states[:0]
}

// drop removes states that a use of the trainer outside of Fit has overtaken.
func (h *history) drop(t *Trainer) {
	if b := t.Buffer(); b != nil {
		h.states = slices.DeleteFunc(h.states, func(k *keptState) bool { return !b.Holds(k.buffer) })
	}
}

// keep adds the trainer's state, and drops the oldest beyond keptStates.
func (h *history) keep(t *Trainer) {
	if len(h.states) == keptStates {
		h.spare = append(h.spare, h.states[0])
		h.states = slices.Delete(h.states, 0, 1)
	}
	k := &keptState{}
	if n := len(h.spare); n > 0 {
		k, h.spare = h.spare[n-1], h.spare[:n-1]
	}
	k.place, k.validation = t.place, t.validation
	for i, v := range t.vectors() {
		if i == len(k.vectors) {
			k.vectors = append(k.vectors, nil)
		}
		k.vectors[i] = append(k.vectors[i][:0], v.Data...)
	}
	if b := t.Buffer(); b != nil {
		k.buffer = b.Mark()
	}
	h.states = append(h.states, k)
}

// back makes the trainer's state the oldest again.
func (h *history) back(t *Trainer) {
	k, retry := h.states[0], t.place.Retry
	t.place = k.place
	t.place.Retry = retry + 1
	for i, v := range t.vectors() {
		copy(v.Data, k.vectors[i])
	}
	t.restored()
	if b := t.Buffer(); b != nil {
		b.Back(k.buffer)
	}
	t.validation = k.validation
	h.guard.Forget()
}

// rollBack goes back to an earlier state, changes it so that it takes another
// way, and tells the callbacks. Where no try is left it returns a
// [*DivergedError].
func (t *Trainer) rollBack(trouble *guard.Trouble, epoch, step int) error {
	h := t.history
	if h == nil {
		return &DivergedError{Rule: trouble.Rule, Seen: trouble.Seen, Epoch: epoch, Step: step}
	}
	if h.tries >= h.cfg.Retries || t.place.Retry == math.MaxUint16 {
		return &DivergedError{Rule: trouble.Rule, Seen: trouble.Seen, Rollbacks: h.tries, Hint: t.advice(), Epoch: epoch, Step: step}
	}
	h.back(t)
	r := Rollback{
		Epoch: epoch, Step: step, Rule: trouble.Rule, Seen: trouble.Seen, To: t.place.Step,
		Try: h.tries + 1, Most: h.cfg.Retries,
	}
	t.treat(&r, trouble.Cure(h.tries, h.cfg.Retries, t.place.Step >= young))
	h.tries++
	h.forget()
	h.keep(t)
	t.rollbacks = append(t.rollbacks, r)
	return notify(t.callbacks, onRollback, r)
}

// advice says what else to try when rollbacks have not helped.
func (t *Trainer) advice() string {
	hint := "try a lower optimizer.learning_rate"
	if r := t.cfg.Optimizer.LearningRate; r > 0 {
		hint += fmt.Sprintf(" than %.4g", r)
	}
	if t.Buffer() != nil { // these are for chains
		hint += ", a larger objective.alpha, more sampler.steps"
	}
	return hint + ", another --seed, or more guard.retries"
}

// Asked returns the settings as they were asked for, without what rollbacks
// have changed: those that give the same run again.
func (t *Trainer) Asked() Config {
	c := t.cfg
	for _, r := range slices.Backward(t.rollbacks) {
		for _, change := range r.changes() {
			// Whoever resumed with another value has asked for that.
			if s, ok := c.Settings().Find(change.Key); ok && s.String() == change.New {
				if err := s.Set(change.Old); err != nil {
					panic("joule: " + err.Error()) // it was in use, or has been checked when it was read
				}
			}
		}
	}
	return c
}

// historyRecord is what a checkpoint's metadata tell of the guard.
type historyRecord struct {
	Tries     int         `json:"tries"`
	Windows   [][]float64 `json:"windows,omitempty"`
	States    []keptPlace `json:"states,omitempty"`
	Rollbacks []Rollback  `json:"rollbacks,omitempty"`
}

// keptPlace is a kept state beside its tensors. One of the place where the
// training is has none: its tensors are those of the training.
type keptPlace struct {
	Place  place `json:"place"`
	Age    int   `json:"age"`    // images put in the replay buffer since
	Images int   `json:"images"` // in the replay buffer
}

func keptPrefix(i int) string { return fmt.Sprintf("%s%d.", weights.Guard, i) }

// saveHistory adds the history to a checkpoint; the states only where they are
// wanted, and then it has the replay buffer.
func (t *Trainer) saveHistory(f *checkpoint.File, states bool) {
	record := historyRecord{Rollbacks: t.rollbacks}
	buffer := t.Buffer()
	var marks []replay.Mark
	if h := t.history; h != nil {
		h.drop(t)
		record.Tries, record.Windows = h.tries, h.guard.Windows()
		for i, k := range h.states {
			if !states {
				break
			}
			at := keptPlace{Place: k.place}
			if buffer != nil {
				at.Age, at.Images = buffer.Age(k.buffer), k.buffer.Len()
			}
			record.States = append(record.States, at)
			if k.place.same(t.place) {
				continue
			}
			for j, v := range t.vectors() {
				addTensors(f, v, keptPrefix(i)+v.Kept, k.vectors[j])
			}
			if buffer != nil {
				buffer.SaveMark(f, keptPrefix(i), k.buffer)
				marks = append(marks, k.buffer)
			}
		}
	}
	if buffer != nil && states {
		buffer.SaveOlder(f, marks)
	}
	b, err := json.Marshal(record)
	if err != nil {
		panic("joule: " + err.Error()) // steps check that values are finite
	}
	f.Metadata[weights.MetaGuard] = string(b)
}

// restoreHistory takes up the history of a checkpoint, after all else has been
// restored. One of an earlier version has none.
func (t *Trainer) restoreHistory(f *checkpoint.File) error {
	if f.Metadata[weights.MetaGuard] == "" {
		return nil
	}
	var record historyRecord
	d := json.NewDecoder(strings.NewReader(f.Metadata[weights.MetaGuard]))
	d.DisallowUnknownFields()
	if err := d.Decode(&record); err != nil {
		return weights.Damaged("state of the guard: %v", err)
	}
	for _, r := range record.Rollbacks {
		if err := r.check(); err != nil {
			return weights.Damaged("state of the guard: %v", err)
		}
	}
	t.rollbacks = record.Rollbacks
	h := t.history
	if h == nil {
		return nil // it was switched off
	}
	if record.Tries < 0 || record.Tries > math.MaxUint16 || len(record.States) > keptStates || !h.guard.Restore(record.Windows) {
		return weights.Damaged("state of the guard: its numbers are out of range")
	}
	h.tries = record.Tries
	if b := t.Buffer(); b != nil {
		if err := b.LoadOlder(f); err != nil {
			return err
		}
	}
	for i, k := range record.States {
		if err := t.restoreState(f, i, k); err != nil {
			return err
		}
	}
	h.drop(t)
	return nil
}

// restoreState takes up kept state i.
func (t *Trainer) restoreState(f *checkpoint.File, i int, at keptPlace) error {
	if !at.Place.within(t) || at.Place.Step > t.place.Step {
		return weights.Damaged("state %d of the guard is out of range", i)
	}
	kept := &keptState{place: at.Place, validation: t.validation}
	here := at.Place.same(t.place)
	if b := t.Buffer(); b != nil {
		mark, ok, err := b.LoadMark(f, keptPrefix(i), at.Age, at.Images)
		if err != nil {
			return err
		}
		if !ok && !here {
			return nil // the buffer has become a reservoir since
		}
		kept.buffer = mark
	}
	if here {
		t.history.keep(t)
		return nil
	}
	for _, v := range t.vectors() {
		data := make([]float32, len(v.Data))
		if err := readTensors(f, v, keptPrefix(i)+v.Kept, data); err != nil {
			return err
		}
		kept.vectors = append(kept.vectors, data)
	}
	t.history.states = append(t.history.states, kept)
	return nil
}
