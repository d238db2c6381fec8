"""PyTorch saves weights in the ways there are.

usage: save_torch.py FOLDER

FOLDER holds f.safetensors. Each file left there, *.pt and beside.safetensors,
is to be read as the same weights; of those named half*, rounded to 11 bits.
"""

import argparse
import collections
import os
import sys

import torch
from safetensors.torch import load_file, save_file

folder = sys.argv[1]
state = load_file(os.path.join(folder, "f.safetensors"))


def save(name, obj):
    for zipped, protocol in ((True, 2), (True, 4), (False, 2), (False, 3), (False, 5)):
        path = os.path.join(folder, "%s-%d-%d.pt" % (name, zipped, protocol))
        torch.save(obj, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)


# All tensors as windows on one storage, every other number of it.
flat = torch.zeros(1 + 2 * sum(v.numel() for v in state.values()))
windows, at = collections.OrderedDict(), 1
for k, v in state.items():
    window = flat[at : at + 2 * v.numel() : 2]
    window.copy_(v.flatten())
    windows["cnn." + k] = window.view(v.shape)
    at += 2 * v.numel()

adam = torch.optim.Adam([torch.nn.Parameter(v.clone()) for v in state.values()])
for p in adam.param_groups[0]["params"]:
    p.grad = torch.ones_like(p)
adam.step()

save("plain", state)
save("parameters", {k: torch.nn.Parameter(v) for k, v in state.items()})
save("windows", {"epoch": 3, "optimizer_states": [adam.state_dict()], "state_dict": windows, "args": argparse.Namespace(a=torch.float32)})
save("channels_last", {k: v.to(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in state.items()})
save("double", {"model_state_dict": {k: v.double() for k, v in state.items()}})
save("half", {k: v.half() for k, v in state.items()})


def one(name, obj):
    torch.save(obj, os.path.join(folder, name + ".pt"))


# Within other dicts, under other names, and with other things beside.
beside = {
    "criterion.pos_weight": torch.ones(1),
    "accuracy.total": torch.tensor(3),
    "mask": torch.ones(2, dtype=torch.bool),
    "phase": torch.ones(2, dtype=torch.complex64).conj(),
    "sparse": torch.eye(2).to_sparse(),
    "images": torch.zeros(2, 1, 4, 4),
}
one("model", {"epoch": 3, "model": state, "optimizer": adam.state_dict()})
one("nested", {"checkpoint": {"weights": state}})
one("compiled", {"module._orig_mod." + k: v for k, v in state.items()})
one("sequential", {k.replace("cnn_layers.", ""): v for k, v in state.items()})
one("beside", {"state_dict": collections.OrderedDict(state, **beside, _extra_state={"a": 1})})
del beside["phase"], beside["sparse"]
save_file(dict(state, **beside), os.path.join(folder, "beside.safetensors"))
