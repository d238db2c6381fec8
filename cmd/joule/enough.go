package main

import (
	"fmt"

	"github.com/joule-ml/joule"
)

// A memoryError says that there is not the memory that a command is going to
// take. It is found before the work: Go ends a program that gets no memory with
// a dump that nobody can mend.
type memoryError struct {
	what       string // "the training"
	most       joule.MemoryUse
	need, free int64
	hint       string
}

func (e *memoryError) Error() string {
	return fmt.Sprintf("%s takes about %s of memory, %s of it for %s, and %s are available", e.what, bytesText(e.need), bytesText(e.most.Bytes), e.most.What, bytesText(e.free))
}

// Remedy names the setting that changes most.
func (e *memoryError) Remedy() string { return e.hint }

// What to change where there is too little memory.
var (
	trainingHints = map[string]string{
		joule.UseNetwork:     "make network.hidden_features smaller, or network.layers",
		joule.UseActivations: "make network.hidden_features or the images smaller, or take fewer --threads",
		joule.UseBatch:       "make batch_size smaller",
		joule.UseBuffer:      "make buffer.size smaller, or set buffer.precision=float16 or uint8",
		joule.UseGuard:       "make guard.every_n_steps smaller, or switch the guard off with guard.retries=0",
		joule.UsePictures:    "make generate.chains, filmstrip.chains or filmstrip.pictures smaller",
		useCheckpoint:        "free some memory",
	}
	samplingHints = map[string]string{
		joule.UseImages:      "draw fewer images with -n",
		joule.UseFrames:      "draw fewer images with -n, or leave out --filmstrip, --gif and --apng",
		joule.UseActivations: "take fewer --threads",
	}
	scoringHints = map[string]string{
		joule.UseImages:      "free some memory",
		joule.UseActivations: "take fewer --threads",
	}
	judgingHints = map[string]string{
		joule.UseImages:      "judge fewer samples with -n",
		joule.UseFrames:      "judge with --quick",
		joule.UseActivations: "take fewer --threads",
	}
)

const useCheckpoint = "the checkpoint that is read"

// enoughMemory finds out before the work that the memory will not do. What the
// collector has not freed yet is about a seventh: see main.
func (a *app) enoughMemory(what string, uses []joule.MemoryUse, hints map[string]string) error {
	if a.memory == nil {
		return nil
	}
	free, ok := a.memory()
	e := &memoryError{what: what, free: free}
	for _, u := range uses {
		e.need += u.Bytes
		if u.Bytes > e.most.Bytes {
			e.most = u
		}
	}
	if e.need += e.need / 7; !ok || e.need <= free {
		return nil
	}
	e.hint = hints[e.most.What]
	return e
}
