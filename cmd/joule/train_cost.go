package main

import (
	"fmt"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// A trainCost is what a training takes beside its steps: bytes of a checkpoint,
// and epochs between pictures.
type trainCost struct {
	state    int64 // weights and moments
	buffer   int64 // when it is full
	guard    int64 // the states to go back to, within an epoch
	pictures int   // 0 where the settings say which epochs have them
	epochs   int
}

func costOf(t *joule.Trainer) trainCost {
	cfg := t.Config()
	c, h, w := t.Shape()
	image := int64(cfg.Buffer.ValueBytes()) * int64(c) * int64(h) * int64(w)
	cost := trainCost{state: 3 * 4 * int64(t.Model().Parameters()), epochs: cfg.Epochs} // two moments for each weight
	if t.Buffer() != nil {
		cost.buffer = int64(cfg.Buffer.Size) * image
	}
	if g := cfg.Guard; g.Retries > 0 { // two more states of the epoch, and the images that only they have
		cost.guard = 2 * cost.state
		if t.Buffer() != nil {
			cost.guard += int64(min(2*g.EveryNSteps, t.Batches())) * int64(min(cfg.BatchSize, cfg.Buffer.Size)) * image
		}
	}
	if cfg.Generate.EveryNEpochs == joule.Auto || cfg.Filmstrip.EveryNEpochs == joule.Auto {
		cost.pictures = record.PictureEpochs(t)
	}
	return cost
}

// checkpoint returns the bytes of one.
func (c trainCost) checkpoint() int64 { return c.state + c.buffer + c.guard }

// enoughSpace finds out before the work that the disk cannot hold what a new run
// will write: the last checkpoint, the one that is about to replace it, and the
// best.
func (c trainCost) enoughSpace(dir string) error {
	free, ok := freeSpace(dir)
	need := 2 * (c.checkpoint() + c.state)
	if !ok || free >= need {
		return nil
	}
	return &run.Error{
		Path:  dir,
		Fault: fmt.Sprintf("%s are free on its disk, and the run's checkpoints take %s", bytesText(free), bytesText(need)),
		Hint:  "free some space, choose another disk with --run-dir, make buffer.size smaller, or set buffer.precision=float16 or uint8",
	}
}

// large is what a checkpoint has to take to be told of.
const large = 64 << 20

// tell says what will be taken, where that is much or not what one may expect,
// and which setting changes it.
func (c trainCost) tell(s *screen) {
	if c.checkpoint() > large {
		s.line("a checkpoint will take up to %s: %s the replay buffer (buffer.size), %s what the guard goes back to within an epoch (guard.every_n_steps); checkpoint.every_n_epochs says how often",
			bytesText(c.checkpoint()), bytesText(c.buffer), bytesText(c.guard))
	}
	if c.pictures > 1 && c.epochs > 2 {
		which := "the first and the last epoch"
		if c.pictures < c.epochs {
			which = fmt.Sprintf("the first and the last epoch and each multiple of %d", c.pictures)
		}
		s.line("epochs are short: pictures of %s; generate.every_n_epochs=1 makes them all", which)
	}
}
