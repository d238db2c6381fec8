package joule

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/weights"
)

// lastTry takes a stepper to its last try.
func lastTry(s *stepper) Rollback {
	s.Helper()
	s.tr.history.tries = s.tr.history.cfg.Retries - 1
	if err := s.tr.rollBack(&guard.Trouble{Rule: guard.Finite}, 0, 11); err != nil {
		s.Fatal(err)
	}
	return s.tr.rollbacks[len(s.tr.rollbacks)-1]
}

// TestLastResort: the last try changes what is far from the recipe and nothing
// else, says so, and begins anew.
func TestLastResort(t *testing.T) {
	s := afterSteps(t)
	r, tr := lastTry(s), s.tr
	want := []Change{
		{"optimizer.learning_rate", "0.01", "0.0005"},
		{"sampler.steps", "5", "30"},
	}
	if got := r.changes(); !reflect.DeepEqual(got, want) {
		t.Errorf("changes %+v, want %+v", got, want)
	}
	if !strings.Contains(r.Did, "sampler.steps is now 30, and was 5; the network begins anew") {
		t.Errorf("did %q", r.Did)
	}
	if !reflect.DeepEqual(tr.Asked(), s.asked) {
		t.Errorf("asked for %+v", tr.Asked())
	}
	if tr.place.Drawn != 6 || tr.part().Vectors()[1].Data[0] != 0 {
		t.Errorf("drawn at %+v with moments of %v", tr.place, tr.part().Vectors()[1].Data[0])
	}
	first := tinyTrainer(t, s.asked)
	if slices.Equal(first.part().Net.Params(), tr.part().Net.Params()) {
		t.Error("the same weights again")
	}
	again := resumed(t, saved(t, tr))
	s.step()
	info, err := again.Step()
	if err != nil {
		t.Fatal(err)
	}
	again.history.guard.Step(info.Values, again.place.Step-again.place.Drawn, info.LearningRate)
	if !bytes.Equal(saved(t, again), saved(t, tr)) {
		t.Error("other bits after a resume")
	}
}

// TestOtherMethod: the last try moves chains by another method. What is measured
// stays, also after a resume.
func TestOtherMethod(t *testing.T) {
	c := tinyConfig()
	c.Sampler.Method, c.Sampler.StepSize, c.Sampler.Noise = sampler.MALA, 2, 0.05
	c.Guard.Retries = 2
	tr := tinyTrainer(t, c)
	tr.history.begin(tr)
	for range 2 {
		if err := tr.rollBack(&guard.Trouble{Rule: guard.Finite}, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	again := resumed(t, saved(t, tr))
	if m := again.cfg.Sampler.Method; m != sampler.Langevin || again.Asked().Sampler.Method != sampler.MALA {
		t.Errorf("the method is %s, and %s was asked for", m, again.Asked().Sampler.Method)
	}
	if !reflect.DeepEqual(again.Figures(), tr.Figures()) {
		t.Error("other figures after a resume")
	}
	fit(t, tr, Callback{})
	fit(t, again, Callback{})
	if !bytes.Equal(saved(t, again), saved(t, tr)) {
		t.Error("other bits after a resume")
	}
}

// TestTooLateToRedraw: a network that has been trained for long is kept.
func TestTooLateToRedraw(t *testing.T) {
	s := afterSteps(t)
	for _, k := range s.tr.history.states {
		k.place.Step += young
	}
	kept := slices.Clone(s.tr.history.states[0].vectors[0])
	if r := lastTry(s); strings.Contains(r.Did, "anew") || !slices.Equal(kept, s.tr.part().Net.Params()) {
		t.Errorf("did %q", r.Did)
	}
}

// TestGivesUp: where the tries have not helped, an error says what happened.
func TestGivesUp(t *testing.T) {
	s := afterSteps(t)
	s.tr.history.tries = s.tr.history.cfg.Retries
	err := s.tr.rollBack(&guard.Trouble{Rule: guard.Finite, Seen: "NaN"}, 0, 11)
	if e, ok := err.(*DivergedError); !ok || e.Rollbacks != 3 || e.Hint == "" || e.Seen != "NaN" {
		t.Errorf("%#v", err)
	}
}

// TestOlderWindows: a checkpoint of a guard with fewer rules goes on to the same
// bits.
func TestOlderWindows(t *testing.T) {
	const older = 8
	s := afterSteps(t)
	state := saved(t, s.tr)
	f, err := checkpoint.Decode(bytes.NewReader(state), int64(len(state)))
	if err != nil {
		t.Fatal(err)
	}
	var record historyRecord
	if err := json.Unmarshal([]byte(f.Metadata[weights.MetaGuard]), &record); err != nil {
		t.Fatal(err)
	}
	record.Windows = record.Windows[:older]
	b, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	f.Metadata[weights.MetaGuard] = string(b)
	old, err := newTrainer(s.asked, s.tr.train, s.tr.val)
	if err == nil {
		err = old.restore(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	fit(t, old, Callback{})
	fit(t, s.tr, Callback{})
	if !bytes.Equal(saved(t, old), saved(t, s.tr)) {
		t.Error("other bits than a guard with all rules")
	}
}
