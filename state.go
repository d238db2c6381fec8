package joule

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/weights"
)

// A run's state is its place, the vectors of the networks that are trained, the
// replay buffer, and the guard's history of the same. Saving, resuming, keeping
// a state and going back to it all go through these.

// place is how far a run has come: all that resuming needs besides vectors.
type place struct {
	Epoch    int    `json:"epoch"`           // epochs done
	Batch    int    `json:"batch"`           // batches done in this epoch
	Step     int    `json:"step"`            // optimizer steps done
	Langevin uint32 `json:"langevin"`        // sampler steps done by each chain slot
	Retry    uint16 `json:"retry"`           // times the run was rolled back
	Drawn    int    `json:"drawn,omitempty"` // optimizer steps at which the weights were last drawn
	Stopped  bool   `json:"stopped"`         // a callback ended the run before its last epoch
}

// same reports whether two places are of one state of a run.
func (p place) same(q place) bool { return p.Step == q.Step && p.Retry == q.Retry }

// within reports whether p can be a place in t's training.
func (p place) within(t *Trainer) bool {
	return p.Epoch >= 0 && p.Epoch <= maxCount && p.Step >= 0 && p.Step <= maxCount && p.Batch >= 0 && p.Batch <= t.loader.Batches() &&
		p.Drawn >= 0 && p.Drawn <= p.Step
}

// maxCount bounds epochs and steps, so that they fit the random streams.
const maxCount = math.MaxInt32

// A vector is a part of the state with a value for every weight of a network.
type vector struct {
	objective.Vector
	part *objective.Part
}

// vectors lists all vectors of the state.
func (t *Trainer) vectors() []vector {
	var list []vector
	for _, p := range t.objective.Parts() {
		for _, v := range p.Vectors() {
			list = append(list, vector{v, p})
		}
	}
	return list
}

// restored takes up the vectors after they were changed.
func (t *Trainer) restored() {
	for _, p := range t.objective.Parts() {
		p.Restored(t.place.Step - t.place.Drawn)
	}
}

// addTensors adds data, which is as long as v, to a file.
func addTensors(f *checkpoint.File, v vector, prefix string, data []float32) {
	for _, view := range v.part.Net.Named(data) {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: prefix + view.Name, Shape: view.Shape, Data: view.Data})
	}
}

// readTensors reads what addTensors has added into data.
func readTensors(f *checkpoint.File, v vector, prefix string, data []float32) error {
	for _, view := range v.part.Net.Named(data) {
		saved, err := f.Float32(prefix+view.Name, view.Shape...)
		if err != nil {
			return err
		}
		copy(view.Data, saved)
	}
	return nil
}

// Save writes a checkpoint: everything that [ResumeTrainer] needs to go on as
// if nothing had happened. It replaces path whole, or leaves it as it was.
func (t *Trainer) Save(path string) error { return checkpoint.Write(path, t.file()) }

// SaveWithoutReplay writes a checkpoint that has neither the replay buffer nor the
// states that the guard keeps, by far the most of one. [ResumeTrainer] goes on
// from it, but with a buffer of noise as at the start of a run, and so with other
// bits.
func (t *Trainer) SaveWithoutReplay(path string) error {
	f := t.stateFile()
	if t.Buffer() != nil {
		f.Metadata[weights.MetaReplay] = noReplay
	}
	t.saveHistory(f, false)
	return checkpoint.Write(path, f)
}

// noReplay is the value of MetaReplay where there is no buffer.
const noReplay = "none"

// file is what Save writes.
func (t *Trainer) file() *checkpoint.File {
	f := t.stateFile()
	if b := t.Buffer(); b != nil {
		b.Save(f)
	}
	t.saveHistory(f, true)
	return f
}

// stateFile returns a checkpoint without replay buffer and history.
func (t *Trainer) stateFile() *checkpoint.File {
	f := modelFile(t.part().Net.Spec(), t.card(), nil)
	generatorMetadata(f, t.generator())
	place, err := json.Marshal(t.place)
	if err != nil {
		panic("joule: " + err.Error()) // a place is plain data
	}
	f.Metadata[weights.MetaState] = string(place)
	f.Metadata[weights.MetaKernels] = kernel.Name()
	// The model comes first, as in a model's file.
	list := t.vectors()
	slices.SortStableFunc(list, func(a, b vector) int { return ofModel(b) - ofModel(a) })
	for _, v := range list {
		addTensors(f, v, v.Prefix, v.Data)
	}
	return f
}

// ofModel is 1 for the vector that is the model, 0 for others.
func ofModel(v vector) int {
	if v.Prefix == "" {
		return 1
	}
	return 0
}

// restore takes up the state of a checkpoint.
func (t *Trainer) restore(f *checkpoint.File) error {
	d := json.NewDecoder(strings.NewReader(f.Metadata[weights.MetaState]))
	d.DisallowUnknownFields()
	if err := d.Decode(&t.place); err != nil {
		return weights.Damaged("training state: %v", err)
	}
	t.place.Stopped = false // whoever resumes wants to go on
	if p := t.place; !p.within(t) {
		return weights.Damaged("training state: epoch %d, batch %d, step %d is out of range", p.Epoch, p.Batch, p.Step)
	}
	for _, v := range t.vectors() {
		if err := readTensors(f, v, v.Prefix, v.Data); err != nil {
			return err
		}
	}
	t.restored()
	card, err := cardOf("", f.Metadata)
	if err != nil {
		return err
	}
	if card != nil {
		t.validation.N, t.validation.Validation = card.N, card.Validation
	}
	switch b := t.Buffer(); {
	case b == nil:
	case f.Metadata[weights.MetaReplay] == noReplay:
		b.Fill(t.cfg.BatchSize, t.Stream(random.InitialNoise))
	default:
		if err := b.Load(f); err != nil {
			return err
		}
	}
	return t.restoreHistory(f)
}
