package joule

import (
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/weights"
)

// FuzzGuardRecord reads hostile states of the guard.
func FuzzGuardRecord(f *testing.F) {
	c := guardedConfig()
	tr, err := NewTrainer(c, toy.Strokes(47), toy.Strokes(23))
	if err != nil {
		f.Fatal(err)
	}
	for range 3 {
		tr.history.begin(tr)
		info, err := tr.Step()
		if err != nil {
			f.Fatal(err)
		}
		tr.history.guard.Step(info.Values, tr.place.Step, info.LearningRate)
		tr.history.step(tr)
	}
	path := filepath.Join(f.TempDir(), "state")
	if err := tr.Save(path); err != nil {
		f.Fatal(err)
	}
	file, err := checkpoint.Read(path)
	if err != nil {
		f.Fatal(err)
	}
	// Short, for the fuzzer spends its time on making what it finds shorter.
	f.Add(`{"states":[{"place":{},"age":30,"images":10}]}`)
	f.Add("") // of an earlier version
	f.Add(`{"tries":-1}`)
	f.Add(`{"windows":[[],[],[],[],[],[],[],[]],"states":[{"place":{"step":1},"age":1,"images":1000000}]}`)
	f.Add(`{"rollbacks":[{"key":"epochs","old":"1","new":"x"}]}`)
	f.Add(`{"tries":8,"rollbacks":[{"key":"epochs","old":"1","new":"2","more":[{"key":"seed","old":"1","new":"x"}]}]}`)
	f.Fuzz(func(t *testing.T, record string) {
		fresh, err := newTrainer(c, toy.Strokes(47), toy.Strokes(23))
		if err != nil {
			t.Fatal(err)
		}
		copied := *file
		copied.Metadata = map[string]string{}
		for k, v := range file.Metadata {
			copied.Metadata[k] = v
		}
		copied.Metadata[weights.MetaGuard] = record
		if fresh.restore(&copied) != nil {
			return
		}
		saved(t, fresh)
		fresh.Asked()
		fresh.history.begin(fresh)
		if err := fresh.rollBack(&guard.Trouble{Rule: guard.Finite}, 0, 0); err == nil && fresh.place.Retry == 0 {
			t.Error("no rollback")
		}
	})
}
