package weights_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

// file returns a network as it stands in a file.
func file(t *testing.T, net *nn.Network) *checkpoint.File {
	t.Helper()
	spec, err := json.Marshal(net.Spec())
	if err != nil {
		t.Fatal(err)
	}
	f := &checkpoint.File{Metadata: map[string]string{weights.MetaSpec: string(spec)}}
	for _, v := range net.Views() {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: v.Data})
	}
	return f
}

func TestBuild(t *testing.T) {
	net := toy.Network()
	f := file(t, net)
	spec, err := weights.Spec(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := weights.Build(spec, f)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Params(), net.Params()) || weights.Hash(again) != weights.Hash(net) {
		t.Error("a network comes back as another")
	}
	again.Params()[7] += 1e-6
	if weights.Hash(again) == weights.Hash(net) {
		t.Error("the hash does not depend on the weights")
	}
	var fault *checkpoint.Error
	missing := *f
	missing.Tensors = f.Tensors[1:]
	if _, err := weights.Build(spec, &missing); !errors.As(err, &fault) || !strings.Contains(err.Error(), f.Tensors[0].Name) {
		t.Errorf("without %s: %v", f.Tensors[0].Name, err)
	}
	f.Metadata[weights.MetaSpec] = `{"Input":1}`
	if _, err := weights.Spec(f); !errors.As(err, &fault) {
		t.Errorf("a strange spec: %v", err)
	}
}

func TestOfModel(t *testing.T) {
	for name, want := range map[string]bool{
		"cnn_layers.0.weight": true, "layers.2.bias": true,
		"adam.m.cnn_layers.0.weight": false, "raw.cnn_layers.0.bias": false, "guard.0.average.layers.1.bias": false,
		weights.Replay: false, weights.Ages: false, weights.GuardReplay: false,
	} {
		if weights.OfModel(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
