package exchange

import (
	"fmt"
	"strings"
)

// tricks are what PyTorch has for computing a parameter of a layer from tensors
// of other names, one of which ends in part, and what makes it a plain one again:
// %[1]s is the parameter.
var tricks = []struct{ part, name, undo string }{
	{"_mask", "torch.nn.utils.prune", `[torch.nn.utils.prune.remove(m, "%[1]s") for m in model.modules() if hasattr(m, "%[1]s_mask")]`},
	{"_g", "torch.nn.utils.weight_norm", `[torch.nn.utils.remove_weight_norm(m, "%[1]s") for m in model.modules() if hasattr(m, "%[1]s_g")]`},
	{"_u", "torch.nn.utils.spectral_norm", `[torch.nn.utils.remove_spectral_norm(m, "%[1]s") for m in model.modules() if hasattr(m, "%[1]s_u")]`},
}

const undoParametrize = `[torch.nn.utils.parametrize.remove_parametrizations(m, "%[1]s") for m in list(model.modules()) if hasattr(m, "parametrizations") and "%[1]s" in m.parametrizations]`

// computed says where tensors lack a parameter that PyTorch computes from
// them. It is nil where none is.
func computed(members []member) error {
	fault := func(layer, parameter, name, undo string) error {
		return &Error{
			Fault: fmt.Sprintf("the %s of layer %.100q is computed from other tensors, by %s", parameter, layer, name),
			Hint:  "fold it in Python and save the state dict again: " + fmt.Sprintf(undo, parameter),
		}
	}
	for _, m := range members {
		for _, parameter := range []string{"weight", "bias"} {
			for _, t := range tricks {
				if layer, ok := strings.CutSuffix(m.name, "."+parameter+t.part); ok {
					return fault(layer, parameter, t.name, t.undo)
				}
			}
			if layer, _, ok := strings.Cut(m.name, ".parametrizations."+parameter+".original"); ok {
				return fault(layer, parameter, "torch.nn.utils.parametrize", undoParametrize)
			}
		}
	}
	return nil
}
