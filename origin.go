package joule

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/weights"
)

// An Origin says where the weights of a model come from, where somebody else
// published them. It is kept in the model's file, so that whoever gets the file
// knows the authors and the licence.
type Origin struct {
	Name    string `json:"name"`              // that joule import knows it by
	Title   string `json:"title,omitempty"`   // what it is
	Source  string `json:"source,omitempty"`  // URL of the published file
	SHA256  string `json:"sha256,omitempty"`  // of that file, hexadecimal
	Authors string `json:"authors,omitempty"` // of the weights
	License string `json:"license,omitempty"` // as the Hugging Face Hub names it: mit …
	Notice  string `json:"notice,omitempty"`  // of copyright, as the licence wants it kept
}

// maxOrigin bounds what a file may say of its origin.
const maxOrigin = 16 << 10

func (o *Origin) json() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic("joule: " + err.Error()) // strings alone
	}
	return string(b)
}

// originOf reads the origin of a file, nil if it has none.
func originOf(meta map[string]string) (*Origin, error) {
	text := meta[weights.MetaOrigin]
	if text == "" {
		return nil, nil
	}
	fault := func(what string) error {
		return &checkpoint.Error{Fault: "origin of the model: " + what, Hint: weights.NotOurs}
	}
	if len(text) > maxOrigin || !utf8.ValidString(text) {
		return nil, fault("too long, or no text")
	}
	var o Origin
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return nil, fault(err.Error())
	}
	return &o, nil
}

// Origin returns where the weights come from, nil if they are not those of a
// published model. It is not to be changed.
func (m *Model) Origin() *Origin { return m.origin }

// WithOrigin returns the same model with an origin.
func (m *Model) WithOrigin(o Origin) *Model {
	with := *m
	with.origin = &o
	return &with
}
