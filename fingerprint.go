package joule

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

// A dataPrint tells the images that a run is trained on from any others, so
// that it does not go on with a folder that has changed in the meantime.
type dataPrint struct {
	Train dataset.Fingerprint `json:"train"`
	Val   dataset.Fingerprint `json:"val"`
}

// dataPrint returns that of the trainer's sets. It takes a second for each
// gigabyte, the first time.
func (t *Trainer) dataPrint() dataPrint {
	if t.data == nil {
		t.data = &dataPrint{t.train.Fingerprint(), t.val.Fingerprint()}
	}
	return *t.data
}

func (p dataPrint) json() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("joule: " + err.Error()) // a dataPrint is plain data
	}
	return string(b)
}

// sameData reports that the trainer's images are not those of a checkpoint.
// One without a dataPrint, of an earlier version, passes.
func (t *Trainer) sameData(meta map[string]string) error {
	if meta[weights.MetaData] == "" {
		return nil
	}
	var saved dataPrint
	d := json.NewDecoder(strings.NewReader(meta[weights.MetaData]))
	d.DisallowUnknownFields()
	if err := d.Decode(&saved); err != nil {
		return &checkpoint.Error{Fault: "the description of its data: " + err.Error(), Hint: "resume from another checkpoint of the run"}
	}
	now := t.dataPrint()
	if saved == now {
		return nil
	}
	what := "the same numbers of images, but other ones"
	if saved.Train.Images != now.Train.Images || saved.Val.Images != now.Val.Images {
		what = fmt.Sprintf("%d training and %d held-out images, and was trained with %d and %d", now.Train.Images, now.Val.Images, saved.Train.Images, saved.Val.Images)
	}
	return &setting.Error{Key: "data", Problem: fmt.Sprintf("%s is not the data of the checkpoint: it has %s", setting.Quote(t.cfg.Data), what),
		Hint: "bring back the images as they were, or start a new run"}
}
