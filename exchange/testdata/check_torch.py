"""PyTorch loads what Joule exported, and saves what Joule is to import.

usage: check_torch.py FOLDER HIDDEN_FEATURES

FOLDER holds f.safetensors and energy.safetensors, one model in either
convention, and images.safetensors: images [N,1,28,28] and their energies [N]
by Joule. Left there are networks of PyTorch's own with what they output for
the same images.
"""

import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from document import Model

folder = sys.argv[1]
data = load_file(os.path.join(folder, "images.safetensors"))
images, energies = data["images"], data["energies"]
hidden_features = int(sys.argv[2])


def close(got, want, what):
    assert got.shape == want.shape, (what, got.shape, want.shape)
    worst = ((got - want).abs() / want.abs().clamp(min=1)).max().item()
    assert worst <= 1e-5, "%s: off by %g" % (what, worst)
    print("%s: off by %.2g at most" % (what, worst))


for output, sign in (("f", -1), ("energy", 1)):
    path = os.path.join(folder, output + ".safetensors")
    with safe_open(path, "pt") as f:
        assert f.metadata()["output"] == output, f.metadata()
    model = Model(hidden_features=hidden_features)
    model.load_state_dict(load_file(path), strict=True)
    with torch.no_grad():
        close(sign * model(images), energies, "output " + output)


class DeepEnergyModel(torch.nn.Module):
    """Holds the network as the report's LightningModule does."""

    def __init__(self, hidden_features):
        super().__init__()
        self.cnn = Model(hidden_features=hidden_features)


def saved(name, module, network, metadata=None):
    state = {k: v.contiguous() for k, v in module.state_dict().items()}
    save_file(state, os.path.join(folder, name + ".safetensors"), metadata)
    with torch.no_grad():
        save_file({"f": network(images)}, os.path.join(folder, name + ".outputs.safetensors"))


torch.manual_seed(3)
plain = Model(hidden_features=10)
for p in plain.parameters():
    p.data.mul_(2)  # energies that differ from image to image
saved("plain", plain, plain)
saved("said", plain, plain, {"output": "f"})
whole = DeepEnergyModel(6)
saved("whole", whole, whole.cnn)
for name, dtype in (("half", torch.float16), ("bfloat", torch.bfloat16), ("double", torch.float64)):
    rounded = Model(hidden_features=10)
    rounded.load_state_dict({k: v.to(dtype) for k, v in plain.state_dict().items()})
    saved(name, plain.to(dtype), rounded)
    plain.float()
