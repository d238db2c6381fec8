package dataset

// A Fingerprint tells a set from any other.
type Fingerprint struct {
	Images int    `json:"images"`
	Hash   string `json:"hash"` // see [Set.Hash]
}

// Fingerprint returns that of s, which takes a second for each gigabyte.
func (s *Set) Fingerprint() Fingerprint { return Fingerprint{s.N, s.Hash()} }
