"""PyTorch saves weights in the ways there are.

usage: save_torch.py FOLDER

FOLDER holds f.safetensors. Each file left there, *.pt, is to be read as the
same weights; of those named half*, rounded to 11 bits.
"""

import argparse
import collections
import os
import sys

import torch
from safetensors.torch import load_file

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
