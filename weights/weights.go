// Package weights keeps networks in safetensors files: the description of a
// network, its parameters, and the names that all of Joule's files use. Start
// with Spec and Build to read one.
package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/nn"
)

// NotOurs is the remedy for files that are no model.
const NotOurs = "give a model.safetensors or a checkpoint that joule train wrote"

// Spec reads a file's description of its network.
func Spec(f *checkpoint.File) (spec nn.Spec, err error) {
	d := json.NewDecoder(strings.NewReader(f.Metadata[MetaSpec]))
	d.DisallowUnknownFields()
	if err := d.Decode(&spec); err != nil {
		return spec, &checkpoint.Error{Fault: "network spec: " + err.Error(), Hint: NotOurs}
	}
	return spec, nil
}

// Build makes the network of spec with a file's weights, which bound
// what it may allocate.
func Build(spec nn.Spec, f *checkpoint.File) (*nn.Network, error) {
	shapes, err := spec.Parameters()
	if err != nil {
		return nil, &checkpoint.Error{Fault: err.Error(), Hint: NotOurs}
	}
	weights := make([][]float32, len(shapes))
	for i, v := range shapes {
		if weights[i], err = f.Float32(v.Name, v.Shape...); err != nil {
			return nil, err
		}
	}
	net, err := nn.New(spec)
	if err != nil {
		return nil, &checkpoint.Error{Fault: err.Error(), Hint: NotOurs}
	}
	for i, v := range net.Views() {
		copy(v.Data, weights[i])
	}
	net.Pack()
	return net, nil
}

// InFile puts the path into a fault found after reading.
func InFile(path string, err error) error {
	if e, ok := err.(*checkpoint.Error); ok && e.Path == "" {
		e.Path = path
	}
	return err
}

// Hash returns the first 16 hexadecimal digits of the SHA-256 of networks'
// specs and weights.
func Hash(nets ...*nn.Network) string {
	h := sha256.New()
	for _, net := range nets {
		spec, err := json.Marshal(net.Spec())
		if err != nil {
			panic("weights: " + err.Error()) // a Spec is plain data
		}
		h.Write(spec)
		var b [4]byte
		for _, v := range net.Params() {
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
			h.Write(b[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Damaged returns the error of a checkpoint whose state cannot be right.
func Damaged(format string, a ...any) error {
	return &checkpoint.Error{Fault: fmt.Sprintf(format, a...), Hint: "resume from another checkpoint of the run"}
}
