package exchange

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
)

// TestComputed: weights that PyTorch computes from others are named as what they
// are, and so is how to fold them.
func TestComputed(t *testing.T) {
	for _, c := range []struct{ from, to, fault, hint string }{
		{"9.weight", "9.weight_g", `the weight of layer "cnn_layers.9" is computed from other tensors, by torch.nn.utils.weight_norm`, "remove_weight_norm(m"},
		{"9.weight", "9.weight_u", "by torch.nn.utils.spectral_norm", "remove_spectral_norm(m"},
		{"9.weight", "9.weight_mask", "by torch.nn.utils.prune", `prune.remove(m, "weight")`},
		{"2.bias", "2.bias_mask", `the bias of layer "cnn_layers.2"`, `prune.remove(m, "bias")`},
		{"0.weight", "0.parametrizations.weight.original1", "by torch.nn.utils.parametrize", `remove_parametrizations(m, "weight")`},
		{"0.weight", "0.weight_orig", `no tensor "cnn_layers.0.weight"`, "four convolutions"}, // with nothing that says how
	} {
		f := stateDict(t, document(t), "", joule.OutputF)
		f.Lookup(names + c.from).Name = names + c.to
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "head.weight_g", Shape: []int{1}, Data: []float32{1}})
		if c.hint == "four convolutions" {
			f.Tensors = f.Tensors[:len(f.Tensors)-1]
		}
		_, err := Read(written(t, f), Options{Output: "f"})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Fault, c.fault) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: error %#v", c.to, err)
		}
	}
}

// advice is what is said of each kind of weights in testdata/computed_torch.py,
// and whether doing it gives the same weights again.
var advice = map[string]struct {
	part string
	same bool
}{
	"weight_norm": {"remove_weight_norm", true}, "weight_norm of one": {"remove_weight_norm", true}, "spectral_norm": {"remove_spectral_norm", false},
	"pruned": {"prune.remove", true}, "bias pruned": {"prune.remove", true},
	"parametrized": {"remove_parametrizations", false}, "parametrized one": {"remove_parametrizations", false},
	"sparse": {"v.to_dense()", true}, "sparse csr": {"v.to_dense()", true}, "quantised": {"v.dequantize()", false},
	"meta": {"load them into the model on the CPU", false}, "integers": {"times its scale", false}, "complex": {"real numbers", false},
}

// TestAdvice has PyTorch save weights that are not read, and do what the errors
// say: then they are.
func TestAdvice(t *testing.T) {
	run := withPython(t, "torch, safetensors.torch")
	dir, m := t.TempDir(), trained(t)
	if err := WriteSafetensors(filepath.Join(dir, "f.safetensors"), m, joule.OutputF); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join("testdata", "computed_torch.py")
	run(script, dir)
	expressions := map[string]string{}
	for name, want := range advice {
		_, err := Read(filepath.Join(dir, name+".pt"), Options{Output: joule.OutputF})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, want.part) {
			t.Errorf("%s: error %#v", name, err)
			continue
		}
		if from := strings.IndexAny(e.Hint, "[{"); from >= 0 {
			expressions[name] = e.Hint[from : strings.LastIndexAny(e.Hint, "]}")+1]
		}
	}
	text, err := json.Marshal(expressions)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "advice.json")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	run(script, dir, path)
	if len(expressions) != 10 {
		t.Errorf("%d expressions", len(expressions))
	}
	for name := range expressions {
		r, err := Read(filepath.Join(dir, name+".folded.pt"), Options{Output: joule.OutputF})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := difference(m, r.Model); advice[name].same && d > 1e-6 {
			t.Errorf("%s: weights differ by %v", name, d)
		}
	}
}

// difference returns how far the weights of two models are apart.
func difference(a, b *joule.Model) (most float64) {
	other := b.Tensors()
	for i, tensor := range a.Tensors() {
		for j, v := range tensor.Data.([]float32) {
			most = max(most, math.Abs(float64(v-other[i].Data.([]float32)[j])))
		}
	}
	return most
}
