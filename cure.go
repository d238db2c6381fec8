package joule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

// young is the number of steps in which a network may begin anew. Later there
// is too much to lose.
const young = 1000

// treat applies a cure after the training went back, and says so in r.
func (t *Trainer) treat(r *Rollback, c guard.Cure) {
	var did []string
	settings := t.cfg.Settings()
	for _, change := range c.Changes {
		s, ok := settings.Find(change.Key)
		if !ok {
			panic("joule: no setting " + change.Key)
		}
		if !t.uses(change.Key) {
			continue
		}
		old := s.String()
		apply(s, change)
		if s.String() == old {
			continue
		}
		r.More = append(r.More, Change{change.Key, old, s.String()})
		did = append(did, fmt.Sprintf("%s is now %s, and was %s", change.Key, s, old))
	}
	if len(r.More) > 0 {
		r.Change, r.More = r.More[0], r.More[1:]
	}
	switch {
	case c.Redraw:
		t.redraw()
		did = append(did, "the network begins anew")
	case c.Renew && t.Buffer() != nil:
		t.Buffer().Renew(t.Stream(random.InitialNoise), 2)
		did = append(did, "half of the replay buffer is noise again")
	}
	if did == nil {
		did = append(did, "only the noise is another")
	}
	r.Did = strings.Join(did, "; ")
}

// apply changes the value of a setting.
func apply(s setting.Setting, c guard.Change) {
	switch p := s.Value.(type) {
	case *int:
		*p = int(min(c.Of(float64(*p)), s.Hi))
	case *float32:
		*p = float32(c.Of(float64(*p)))
	case *float64:
		*p = c.Of(*p)
	case *string:
		*p = c.Text
	}
}

// uses reports whether the objective has a use for a setting that a cure may
// change.
func (t *Trainer) uses(key string) bool {
	chains := t.Buffer() != nil
	switch section, _, _ := strings.Cut(key, "."); {
	case key == "objective.sigma":
		return t.cfg.Objective.Kind == objective.ScoreMatching
	case section == "sampler", section == "buffer", section == "objective":
		return chains
	}
	return true
}

// askedMethod returns the sampler's method of a checkpoint's run before the
// guard has changed it.
func askedMethod(f *checkpoint.File, method string) string {
	var record historyRecord
	if json.Unmarshal([]byte(f.Metadata[weights.MetaGuard]), &record) != nil {
		return method // restoreHistory tells what is wrong
	}
	for _, r := range slices.Backward(record.Rollbacks) {
		for _, c := range r.changes() {
			if c.Key == "sampler.method" && c.New == method {
				method = c.Old
			}
		}
	}
	return method
}

// redraw begins anew with other weights and noise.
func (t *Trainer) redraw() {
	t.place.Drawn = t.place.Step
	for _, p := range t.objective.Parts() {
		p.Redraw(t.Stream(random.Weights))
	}
	t.restored()
	if b := t.Buffer(); b != nil {
		b.Renew(t.Stream(random.InitialNoise), 1)
	}
}
