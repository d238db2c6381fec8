"""The Python of a model card, run as it stands, gives Joule's energies.

usage: check_card.py FOLDER...

A FOLDER holds an export, model, and images.safetensors: images [N,C,H,W] and
their energies [N] by Joule.
"""

import os
import re
import sys

from safetensors.torch import load_file

for folder in map(os.path.abspath, sys.argv[1:]):
    data = load_file(os.path.join(folder, "images.safetensors"))
    os.chdir(os.path.join(folder, "model"))
    with open("README.md", encoding="utf-8") as f:
        blocks = re.findall(r"^```python\n(.*?)^```", f.read(), re.M | re.S)
    assert len(blocks) == 1, blocks
    scope = {}
    exec(compile(blocks[0], "README.md", "exec"), scope)

    energies = scope["energy"](data["images"]).detach()
    want = data["energies"]
    assert energies.shape == want.shape
    worst = ((energies - want).abs() / want.abs().clamp(min=1)).max().item()
    assert worst <= 1e-5, "off by %g" % worst
    x = scope["x"]  # its samples
    assert x.shape == (16, *data["images"].shape[1:]), x.shape
    assert x.min() >= -1 and x.max() <= 1 and bool(x.isfinite().all())
    start = scope["torch"].empty(x.shape).uniform_(-1, 1)
    assert scope["energy"](x).mean() < scope["energy"](start).mean(), "sampling does not lower the energy"
    print("%s: energies off by %.2g at most" % (folder, worst))
