package joule

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

// Save writes a checkpoint: everything that [ResumeTrainer] needs to go on as
// if nothing had happened. It replaces path whole, or leaves it as it was.
func (t *Trainer) Save(path string) error {
	f := (&Model{net: t.net, card: t.card()}).file()
	// The model of a checkpoint is the average, where there is one; the
	// weights that are trained then come behind a prefix.
	if t.average != nil {
		raw := f.Tensors
		f.Tensors = nil
		for i, v := range t.net.Named(t.average.params) {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: v.Data})
			raw[i].Name = weights.Raw + v.Name
		}
		f.Tensors = append(f.Tensors, raw...)
	}
	place, err := json.Marshal(t.place)
	if err != nil {
		panic("joule: " + err.Error()) // a place is plain data
	}
	f.Metadata[weights.MetaState] = string(place)
	f.Metadata[weights.MetaData] = t.dataPrint().json()
	for _, m := range []struct {
		name string
		data []float32
	}{{weights.AdamM, t.adam.M}, {weights.AdamV, t.adam.V}} {
		for _, v := range t.net.Named(m.data) {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: m.name + v.Name, Shape: v.Shape, Data: v.Data})
		}
	}
	f.Tensors = append(f.Tensors, t.replay.tensor(t.net.Input().C, t.net.Input().H, t.net.Input().W))
	t.saveGuard(f)
	if ages := t.replay.ages; ages != nil {
		data := make([]float32, len(ages))
		for i, age := range ages {
			data[i] = float32(age)
		}
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: weights.Ages, Shape: []int{len(data)}, Data: data})
	}
	return checkpoint.Write(path, f)
}

// tensor gives the buffer's images, newest first. It turns the ring so that
// they stand in order, which takes no second copy of the buffer.
func (r *replay) tensor(c, h, w int) checkpoint.Tensor {
	rotate(r.images, r.head*r.size)
	if r.ages != nil {
		rotate(r.ages, r.head)
	}
	r.head = 0
	return checkpoint.Tensor{Name: weights.Replay, Shape: []int{r.n, c, h, w}, Data: r.images[:r.n*r.size]}
}

// rotate moves the first n values of v to its end, by three reversals.
func rotate[T any](v []T, n int) {
	for _, part := range [][]T{v[:n], v[n:], v} {
		for i, j := 0, len(part)-1; i < j; i, j = i+1, j-1 {
			part[i], part[j] = part[j], part[i]
		}
	}
}

// ReadCheckpointConfig reads the settings of the run that wrote a checkpoint,
// which a model alone does not make.
func ReadCheckpointConfig(path string) (Config, error) {
	h, err := checkpoint.ReadHeader(path)
	if err != nil {
		return Config{}, err
	}
	return configOf(path, h.Metadata)
}

func configOf(path string, meta map[string]string) (Config, error) {
	if meta[weights.MetaState] == "" || meta[weights.MetaConfig] == "" {
		return Config{}, &checkpoint.Error{
			Path: path, Fault: "is no training checkpoint",
			Hint: "resume from a run's checkpoints/last.safetensors; a model.safetensors has no training state",
		}
	}
	return ParseConfig(path+" (config)", []byte(meta[weights.MetaConfig]), DefaultConfig())
}

// ResumeTrainer returns a trainer that continues a checkpoint with the same
// bits as if it had never stopped. change, where not nil, may alter the
// settings first: more epochs, say. Settings that the saved state depends on
// (the network, the seed, the batch size, the buffer) must stay.
func ResumeTrainer(path string, train, val *dataset.Set, change func(*Config) error) (*Trainer, error) {
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	saved, err := configOf(path, f.Metadata)
	if err != nil {
		return nil, err
	}
	cfg := saved
	if change != nil {
		if err := change(&cfg); err != nil {
			return nil, err
		}
	}
	if err := saved.sameState(cfg); err != nil {
		return nil, err
	}
	t, err := newTrainer(cfg, train, val)
	if err != nil {
		return nil, err
	}
	if err := t.sameData(f.Metadata); err != nil {
		return nil, weights.InFile(path, err)
	}
	if err := t.restore(f); err != nil {
		return nil, weights.InFile(path, err)
	}
	if t.guard != nil && !saved.sameCourse(cfg) {
		t.guard.tries = 0 // other settings have not been tried yet
	}
	return t, nil
}

// sameState reports the first setting that differs and may not.
func (c Config) sameState(d Config) error {
	for _, s := range []struct {
		key  string
		a, b any
	}{
		{"data", samePath(c.Data), samePath(d.Data)},
		{"image.height", c.Image.Height, d.Image.Height},
		{"image.width", c.Image.Width, d.Image.Width},
		{"image.channels", c.Image.Channels, d.Image.Channels},
		{"seed", c.Seed, d.Seed},
		{"batch_size", c.BatchSize, d.BatchSize},
		{"network.hidden_features", c.Network.HiddenFeatures, d.Network.HiddenFeatures},
		{"buffer.size", c.Buffer.Size, d.Buffer.Size},
		{"ema.decay", c.EMA.Decay > 0, d.EMA.Decay > 0},
	} {
		if s.a != s.b {
			return &setting.Error{Key: s.key, Problem: fmt.Sprintf("cannot become %v: the checkpoint was trained with %v", s.b, s.a), Hint: "leave it out, or start a new run"}
		}
	}
	return nil
}

// sameCourse reports whether two settings make the same of a state.
func (c Config) sameCourse(d Config) bool {
	return c.Sampler == d.Sampler && c.Objective == d.Objective && c.Optimizer == d.Optimizer && c.Guard == d.Guard
}

// samePath makes all folders one: where they are may change, and what is in
// them is for sameData to compare.
func samePath(data string) string {
	if dataset.IsPath(data) {
		return "a folder of images"
	}
	return data
}

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
	vectors := []vector{{"", t.net.Params()}, {weights.AdamM, t.adam.M}, {weights.AdamV, t.adam.V}}
	if t.average != nil {
		vectors[0].prefix = weights.Raw
		vectors = append(vectors, vector{"", t.average.params})
	}
	for _, v := range vectors {
		for _, view := range t.net.Named(v.data) {
			saved, err := f.Float32(v.prefix+view.Name, view.Shape...)
			if err != nil {
				return err
			}
			copy(view.Data, saved)
		}
	}
	t.net.Pack()
	card, err := cardOf("", f.Metadata)
	if err != nil {
		return err
	}
	if card != nil {
		t.validation.N, t.validation.Validation = card.N, card.Validation
	}
	t.adam.Steps = t.place.Step
	buffer := f.Lookup(weights.Replay)
	if buffer == nil || len(buffer.Shape) != 4 || buffer.Shape[0] < 1 || buffer.Shape[0] > t.replay.limit {
		return weights.Damaged("replay buffer is missing or not of 1 to %d images", t.replay.limit)
	}
	in := t.net.Input()
	images, err := f.Float32(weights.Replay, buffer.Shape[0], in.C, in.H, in.W)
	if err != nil {
		return err
	}
	t.replay.put(images)
	if err := t.replay.restoreAges(f); err != nil {
		return err
	}
	return t.restoreGuard(f)
}

// restoreAges takes up the ages of the ring's images. Without any all chains
// are young.
func (r *replay) restoreAges(f *checkpoint.File) error {
	saved := f.Lookup(weights.Ages)
	if r.ages == nil || saved == nil {
		return nil
	}
	if len(saved.Shape) != 1 || saved.Shape[0] < r.n {
		return weights.Damaged("ages of the replay buffer have the shape %v", saved.Shape)
	}
	ages, err := f.Float32(weights.Ages, saved.Shape[0])
	if err != nil {
		return err
	}
	for i, age := range ages[:min(len(ages), r.room)] {
		if !(age >= 0 && age <= math.MaxUint16) {
			return weights.Damaged("an image of the replay buffer has the age %v", age)
		}
		r.ages[(r.head+i)%r.room] = uint16(age)
	}
	return nil
}

// within reports whether p can be a place in t's training.
func (p place) within(t *Trainer) bool {
	return p.Epoch >= 0 && p.Epoch <= maxCount && p.Step >= 0 && p.Step <= maxCount && p.Batch >= 0 && p.Batch <= t.loader.Batches()
}

// maxCount bounds epochs and steps, so that they fit the random streams.
const maxCount = 1<<31 - 1
