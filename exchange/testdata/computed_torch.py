"""PyTorch saves weights that are no plain tensors, and does what Joule advises.

usage: computed_torch.py FOLDER [ADVICE]

FOLDER holds f.safetensors. A file NAME.pt is left there for each kind. ADVICE
is a JSON file of names and expressions: what comes of them is left as
NAME.folded.pt, which is to be read.
"""

import json
import os
import sys
import types
import warnings

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

warnings.simplefilter("ignore")
folder = sys.argv[1]
state = load_file(os.path.join(folder, "f.safetensors"))


def plain():
    """A module with the weights of the file."""
    layers = []
    for i in range(12):
        w = state.get("cnn_layers.%d.weight" % i)
        if w is None:
            layers.append(nn.Identity())
        elif w.dim() == 4:
            layers.append(nn.Conv2d(w.shape[1], w.shape[0], w.shape[2]))
        else:
            layers.append(nn.Linear(w.shape[1], w.shape[0]))
    model = nn.Module()
    model.cnn_layers = nn.Sequential(*layers)
    model.load_state_dict(state)
    return model.eval()


def changed(change, only=None):
    """The module with a change to all layers that have weights, or to one."""
    model = plain()
    for i, layer in enumerate(model.cnn_layers):
        if hasattr(layer, "weight") and only in (None, i):
            change(layer)
    return model


def holding(change):
    """What has a state dict in which one weight is another kind of tensor."""
    d = dict(state, **{"cnn_layers.9.weight": change(state["cnn_layers.9.weight"])})
    return types.SimpleNamespace(state_dict=lambda: d)


kinds = {
    "weight_norm": lambda: changed(weight_norm),
    "weight_norm of one": lambda: changed(weight_norm, 4),
    "spectral_norm": lambda: changed(spectral_norm),
    "pruned": lambda: changed(lambda layer: prune.l1_unstructured(layer, "weight", 0.0)),
    "bias pruned": lambda: changed(lambda layer: prune.l1_unstructured(layer, "bias", 0.0), 2),
    "parametrized": lambda: changed(parametrizations.spectral_norm),
    "parametrized one": lambda: changed(parametrizations.orthogonal, 9),
    "sparse": lambda: holding(lambda v: v.to_sparse()),
    "sparse csr": lambda: holding(lambda v: v.to_sparse_csr()),
    "quantised": lambda: holding(lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8)),
    "meta": lambda: holding(lambda v: v.to("meta")),
    "integers": lambda: holding(lambda v: v.int()),
    "complex": lambda: holding(lambda v: v * 1j),
}

if len(sys.argv) == 2:
    for name, make in kinds.items():
        torch.save(make().state_dict(), os.path.join(folder, name + ".pt"))
else:
    with open(sys.argv[2]) as f:
        advice = json.load(f)
    for name, expression in advice.items():
        model = kinds[name]()
        made = eval(expression)
        torch.save(made if isinstance(made, dict) else model.state_dict(), os.path.join(folder, name + ".folded.pt"))
