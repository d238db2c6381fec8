package joule

import "fmt"

// A Change is that of a setting, from Old to New, as [Config.Set] takes them.
type Change struct {
	Key string `json:"key,omitempty"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// A Rollback is a return to an earlier state of a training that diverged, with
// other noise and something changed, see [guard.Trouble.Cure]. Changes stay.
type Rollback struct {
	Epoch int    `json:"epoch"` // where the trouble was, counted from 0
	Step  int    `json:"step"`  // the same
	Rule  string `json:"rule"`  // that was broken, see [guard.Config]
	Seen  string `json:"seen"`  // what was noticed, in words
	To    int    `json:"to"`    // optimizer steps of the state gone back to
	Did   string `json:"did"`   // what was changed, in words
	// Change is the setting that was changed, all "" for none, and More are
	// further ones.
	Change
	More []Change `json:"more,omitempty"`
	Try  int      `json:"try"`  // since the last epoch without a rollback, counted from 1
	Most int      `json:"most"` // tries before the training is given up
}

// String tells of a rollback in a line.
func (r Rollback) String() string {
	return fmt.Sprintf("epoch %d, step %d: %s; went back to step %d, try %d of %d: %s", r.Epoch+1, r.Step+1, r.Seen, r.To, r.Try, r.Most, r.Did)
}

// changes lists the settings that were changed.
func (r Rollback) changes() []Change {
	if r.Key == "" {
		return nil
	}
	return append([]Change{r.Change}, r.More...)
}

// check reports a rollback that no guard has written.
func (r Rollback) check() error {
	for _, change := range r.changes() {
		for _, value := range []string{change.Old, change.New} {
			c := DefaultConfig()
			if err := c.Set(change.Key + "=" + value); err != nil {
				return err
			}
		}
	}
	return nil
}
