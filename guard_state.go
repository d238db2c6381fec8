package joule

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/weights"
)

// guardRecord is what a checkpoint's metadata tell of the guard.
type guardRecord struct {
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

// same reports whether two places are of one state of a run.
func (p place) same(q place) bool { return p.Step == q.Step && p.Retry == q.Retry }

// vectors returns what a state holds of each weight, with its prefix.
func (k *keptState) vectors() []vector {
	list := []vector{{"", k.weights}, {weights.AdamM, k.m}, {weights.AdamV, k.v}}
	if k.average != nil {
		list = append(list, vector{weights.Average, k.average})
	}
	return list
}

type vector struct {
	prefix string
	data   []float32
}

func keptPrefix(i int) string { return fmt.Sprintf("%s%d.", weights.Guard, i) }

// saveGuard adds the guard to a checkpoint.
func (t *Trainer) saveGuard(f *checkpoint.File) {
	record := guardRecord{Rollbacks: t.rollbacks}
	if g := t.guard; g != nil {
		g.drop(t)
		record.Tries, record.Windows = g.tries, g.windows
		in, images := t.net.Input(), t.replay.n
		for i, k := range g.states {
			record.States = append(record.States, keptPlace{k.place, t.replay.total - k.buffer.total, k.buffer.n})
			if k.place.same(t.place) {
				continue
			}
			for _, v := range k.vectors() {
				for _, view := range t.net.Named(v.data) {
					f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: keptPrefix(i) + v.prefix + view.Name, Shape: view.Shape, Data: view.Data})
				}
			}
			if k.buffer.images != nil {
				f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: keptPrefix(i) + weights.Replay, Shape: []int{k.buffer.n, in.C, in.H, in.W}, Data: k.buffer.images})
			}
			images = max(images, t.replay.reach(k.buffer))
		}
		if older := images - t.replay.n; older > 0 {
			// The ring was turned for weights.Replay: these come next in it.
			data := t.replay.images[t.replay.n*t.replay.size : images*t.replay.size]
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: weights.GuardReplay, Shape: []int{older, in.C, in.H, in.W}, Data: data})
		}
	}
	b, err := json.Marshal(record)
	if err != nil {
		panic("joule: " + err.Error()) // steps check that values are finite
	}
	f.Metadata[weights.MetaGuard] = string(b)
}

// restoreGuard takes up the guard of a checkpoint, after all else has been
// restored. One of an earlier version has none.
func (t *Trainer) restoreGuard(f *checkpoint.File) error {
	if f.Metadata[weights.MetaGuard] == "" {
		return nil
	}
	var record guardRecord
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
	g := t.guard
	if g == nil {
		return nil // it was switched off
	}
	if record.Tries < 0 || record.Tries > math.MaxUint16 || len(record.States) > keptStates || len(record.Windows) != len(g.windows) {
		return weights.Damaged("state of the guard: its numbers are out of range")
	}
	g.tries = record.Tries
	for i, w := range record.Windows {
		g.windows[i] = w[max(0, len(w)-g.cfg.Window):] // which may have become shorter
	}
	if err := t.restoreOlder(f); err != nil {
		return err
	}
	for i, k := range record.States {
		if err := t.restoreState(f, i, k); err != nil {
			return err
		}
	}
	g.drop(t)
	return nil
}

// restoreOlder puts the images that only kept states have behind the others.
// A ring that has become smaller takes as many as it has room for.
func (t *Trainer) restoreOlder(f *checkpoint.File) error {
	r := t.replay
	saved := f.Lookup(weights.GuardReplay)
	if saved == nil {
		return nil
	}
	in := t.net.Input()
	if len(saved.Shape) != 4 || saved.Shape[0] < 1 {
		return weights.Damaged("the guard's images have the shape %v", saved.Shape)
	}
	images, err := f.Float32(weights.GuardReplay, saved.Shape[0], in.C, in.H, in.W)
	if err != nil {
		return err
	}
	for i := range min(saved.Shape[0], r.room-r.n) {
		copy(r.at(r.n+i), images[i*r.size:(i+1)*r.size])
	}
	return nil
}

// restoreState takes up kept state i.
func (t *Trainer) restoreState(f *checkpoint.File, i int, k keptPlace) error {
	r, p := t.replay, k.Place
	older := 0
	if saved := f.Lookup(weights.GuardReplay); saved != nil {
		older = saved.Shape[0]
	}
	own := f.Lookup(keptPrefix(i)+weights.Replay) != nil
	if !p.within(t) || p.Step > t.place.Step || k.Images < 1 || k.Images > r.limit || k.Age < 0 || k.Age > maxCount || !own && k.Age > r.n+older-k.Images {
		return weights.Damaged("state %d of the guard is out of range", i)
	}
	if p.same(t.place) {
		t.guard.keep(t)
		return nil
	}
	if r.reservoir && !own {
		return nil // the buffer has become a reservoir since
	}
	kept := &keptState{
		place: p, weights: make([]float32, len(t.grad)), m: make([]float32, len(t.grad)), v: make([]float32, len(t.grad)),
		buffer: replayMark{total: r.total - k.Age, n: k.Images}, validation: t.validation,
	}
	if t.average != nil {
		kept.average = make([]float32, len(t.grad))
	}
	if own {
		in := t.net.Input()
		images, err := f.Float32(keptPrefix(i)+weights.Replay, k.Images, in.C, in.H, in.W)
		if err != nil {
			return err
		}
		kept.buffer.images = images
	}
	for _, v := range kept.vectors() {
		for _, view := range t.net.Named(v.data) {
			saved, err := f.Float32(keptPrefix(i)+v.prefix+view.Name, view.Shape...)
			if err != nil {
				return err
			}
			copy(view.Data, saved)
		}
	}
	t.guard.states = append(t.guard.states, kept)
	return nil
}

// check reports a rollback that no guard has written.
func (r Rollback) check() error {
	if r.Key == "" {
		return nil
	}
	for _, value := range []string{r.Old, r.New} {
		c := DefaultConfig()
		if err := c.Set(r.Key + "=" + value); err != nil {
			return err
		}
	}
	return nil
}
