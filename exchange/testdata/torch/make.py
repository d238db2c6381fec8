"""Writes the files of PyTorch in this folder, which tests read.

usage: make.py TAG

TAG ends the names of the files; those here are of PyTorch 1.13 (python3
make.py 1.13, as Debian 12 has it) and 2.15. Weights do not depend on it.
expected.json has the tensors' numbers and what the networks output.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import sys

import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from document import Model

tag = sys.argv[1]


def path(name, extension):
    return os.path.join(here, name + "-" + tag + extension)


def wave(n, seed):
    return torch.tensor([math.sin(seed + 0.7 * i) for i in range(n)])


class DeepEnergyModel(torch.nn.Module):
    """Holds the network as the report's LightningModule does."""

    def __init__(self):
        super().__init__()
        self.cnn = Model(hidden_features=2)
        for i, p in enumerate(self.parameters()):
            p.data = wave(p.numel(), i).reshape(p.shape)


class Unknown:
    """Is of a class that no reader knows, with a tensor in it."""

    def __init__(self):
        self.threshold = 0.5
        self.seen = torch.arange(3)


class AttributeDict(dict):
    """Is a dict of another class, as Lightning's hyper-parameters were."""


module = DeepEnergyModel()
images = wave(4 * 28 * 28, 11).reshape(4, 1, 28, 28)
with torch.no_grad():
    f = module.cnn(images)

# What Lightning's trainer saves, and things that may be beside it.
lightning = {
    "epoch": 59,
    "global_step": 2**40,
    "pytorch-lightning_version": "1.0.2",
    "state_dict": module.state_dict(),
    "loops": {"fit_loop": {"state_dict": {}, "done": True}},
    "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(-1.5), "dirpath": pathlib.PurePosixPath("runs")}},
    "optimizer_states": [{"state": {}, "param_groups": [{"lr": 1e-4, "betas": (0.0, 0.999)}]}],
    "unknown": Unknown(),
    "names": {"a set"},
    "counts": collections.Counter("abca"),
    "none": None,
    "bytes": b"\x00\xff" * 3,
    "large": -(2**100),
    "hparams_name": "kwargs",
    "hyper_parameters": AttributeDict(img_shape=(1, 28, 28), batch_size=128, alpha=0.1, lr=1e-4, args=argparse.Namespace(data="mnist")),
}
torch.save(lightning, path("lightning", ".ckpt"))
torch.save(lightning, path("lightning-legacy", ".ckpt"), _use_new_zipfile_serialization=False)
for protocol in (4, 5):
    torch.save(module.cnn.state_dict(), path("plain-protocol%d" % protocol, ".pth"), pickle_protocol=protocol)
# The weights, with a metric beside them, and their average.
model = module.cnn.state_dict()
average = {k: 0.5 * v for k, v in model.items()}
model["accuracy.total"] = torch.tensor(3)
torch.save({"epoch": 3, "model": model, "ema": average}, path("two", ".pt"))
# A module saved whole, which is no state dict.
torch.save(torch.nn.Linear(2, 1), path("module", ".pt"))

# Tensors that are windows on others' numbers, and of other types.
base = wave(60, 5)
odd = collections.OrderedDict(
    base=base,
    window=base[7:19].reshape(3, 4),
    transposed=base[:12].reshape(3, 4).t(),
    every_third=base[1::3],
    permuted=base[:24].reshape(2, 3, 4).permute(2, 0, 1),
    scalar=base[3],
    empty=base[:0].reshape(0, 5),
    parameter=torch.nn.Parameter(base[20:30]),
    half=wave(9, 1).half(),
    bfloat=wave(9, 2).bfloat16(),
    double=wave(9, 3).double() / 3,
    extremes=torch.tensor([0.0, -0.0, 3.4e38, 1e-45]),
)
torch.save(odd, path("odd", ".pt"))
torch.save(odd, path("odd-legacy", ".pt"), _use_new_zipfile_serialization=False)

with open(os.path.join(here, "expected.json"), "w") as out:
    json.dump(
        {
            "odd": {k: {"shape": list(v.shape), "numbers": v.detach().float().flatten().tolist()} for k, v in odd.items()},
            "weights": {k: v.flatten().tolist() for k, v in module.cnn.state_dict().items()},
            "f": f.tolist(),
        },
        out,
    )
    out.write("\n")
