package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/replay"
)

// A trainMemory is what a training takes, by its settings.
type trainMemory struct {
	cfg        joule.Config
	train, val *dataset.Set
	threads    int
	checkpoint int64 // what reading one takes besides

	uses []joule.MemoryUse
	live int64 // all of them
	data int64 // those that are there already
}

// memoryOf returns what a training takes that goes on from a checkpoint unless from
// is empty.
func memoryOf(cfg joule.Config, from string, train, val *dataset.Set, threads int) (*trainMemory, error) {
	m := &trainMemory{cfg: cfg, train: train, val: val, threads: threads}
	// The images of a checkpoint become the buffer, unless they have to be rounded.
	if st, err := os.Stat(from); err == nil {
		if saved, err := joule.ReadCheckpointConfig(from); err == nil && saved.Buffer.Precision != cfg.Buffer.Precision {
			m.checkpoint = st.Size()
		}
	}
	return m.with(cfg)
}

// with returns m with other settings.
func (m *trainMemory) with(cfg joule.Config) (*trainMemory, error) {
	uses, err := cfg.MemoryUse(m.train, m.val, m.threads)
	if err != nil {
		return nil, err
	}
	n := *m
	n.cfg, n.live, n.data = cfg, 0, 0
	n.uses = append(uses, joule.MemoryUse{What: useCheckpoint, Bytes: m.checkpoint})
	for _, u := range n.uses {
		n.live += u.Bytes
		if u.What == joule.UseData {
			n.data += u.Bytes
		}
	}
	return &n, nil
}

// collectAt returns how much the heap may grow, in percent, until the collector
// runs: by few megabytes where much is in use. A step leaves nothing to it, and what
// the end of an epoch leaves is soon looked through, since nearly all is numbers.
func (m *trainMemory) collectAt() int {
	const usual, few = 15, 1 << 20
	return min(usual, 1+int(100*few/max(m.live, 1)))
}

// take returns what the training takes beside what is there already.
func (m *trainMemory) take() int64 { return m.live - m.data + m.live*int64(m.collectAt())/100 }

// programBytes is what the program takes itself: its code, its tables, stacks.
const programBytes = 30e6

// all returns what the process comes to.
func (m *trainMemory) all() int64 { return m.data + m.take() + programBytes }

// of returns the bytes for a purpose.
func (m *trainMemory) of(what string) (n int64) {
	for _, u := range m.uses {
		if u.What == what {
			n += u.Bytes
		}
	}
	return n
}

// much is what a training has to take to be told of.
const much = 256 << 20

// enoughToTrain tells before the work what memory it takes, where that is much,
// refuses what will not do, and has the collector fit it.
func (a *app) enoughToTrain(cfg joule.Config, from string, train, val *dataset.Set, threads int) error {
	m, err := memoryOf(cfg, from, train, val, threads)
	if err != nil {
		return err
	}
	if m.all() > much {
		a.screen.line("memory will take up to %s: %s the data set, %s the replay buffer (buffer.size, buffer.precision), %s what the guard goes back to (guard.every_n_steps), %s the rest",
			bytesText(m.all()), bytesText(m.data), bytesText(m.of(joule.UseBuffer)), bytesText(m.of(joule.UseGuard)), bytesText(m.all()-m.data-m.of(joule.UseBuffer)-m.of(joule.UseGuard)))
	}
	free, ok := int64(0), false
	if a.memory != nil {
		free, ok = a.memory()
	}
	if !ok || m.take() <= free {
		if hint := m.fit(free * 3 / 4); ok && m.take() > free*3/4 && hint != "" {
			a.screen.line("note: that is most of the %s that are available; to take less, %s", bytesText(free), hint)
		}
		if a.collect != nil {
			a.collect(m.collectAt())
		}
		return nil
	}
	e := &memoryError{what: "the training", need: m.take(), free: free}
	for _, u := range m.uses {
		if u.What != joule.UseData && u.Bytes > e.most.Bytes {
			e.most = u
		}
	}
	e.hint = trainingHints[e.most.What]
	if hint := m.fit(free); hint != "" && e.most.What == joule.UseBuffer {
		e.hint = hint
	}
	return e
}

// fit says with which precision or size of the buffer the training takes no more
// than free, "" where none will do.
func (m *trainMemory) fit(free int64) string {
	var ways []string
	for _, precision := range []string{replay.Float16, replay.Uint8} {
		c := m.cfg
		c.Buffer.Precision = precision
		n, err := m.with(c)
		if err == nil && c.Buffer.ValueBytes() < m.cfg.Buffer.ValueBytes() && n.take() <= free {
			ways = append(ways, fmt.Sprintf("set buffer.precision=%s, with which it takes %s", precision, bytesText(n.take())))
		}
	}
	c := m.cfg
	for c.Buffer.Size /= 2; c.Buffer.Size >= c.BatchSize; c.Buffer.Size /= 2 {
		if n, err := m.with(c); err == nil && n.take() <= free {
			ways = append(ways, fmt.Sprintf("set buffer.size=%d, with which it takes %s", c.Buffer.Size, bytesText(n.take())))
			break
		}
	}
	return strings.Join(ways, "; or ")
}
