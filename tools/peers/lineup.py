"""What there is to run beside Joule: frameworks, found in interpreters."""

import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# The rows of each framework, by the package that an interpreter must have.
TORCH = ["torch-document", "torch-tuned", "torch-channels-last", "torch-compile", "torch-compile-channels-last"]
ENGINES = {"torch": TORCH, "torchebm": ["torchebm-frozen", "torchebm"], "jax": ["jax-loop", "jax-steps"]}
NAMES = {"torch": "PyTorch", "torchebm": "TorchEBM", "jax": "JAX"}
ALL = sum(ENGINES.values(), [])
TRAINING = TORCH  # those with a training step

PROBE = """
import importlib, json
found = {}
for name in ("numpy", "torch", "torchebm", "jax"):
    try:
        found[name] = importlib.import_module(name).__version__
    except Exception:
        pass
print(json.dumps(found if "numpy" in found else {}))
"""


def probe(path):
    """Return the versions of the frameworks that an interpreter has."""
    try:
        run = subprocess.run([path, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return json.loads(run.stdout.strip().split("\n")[-1])
    except (OSError, ValueError):
        return {}


def find(pythons, wanted, say):
    """List what to run beside Joule, of the wanted engines: (engine,
    interpreter, label). Say what is left out."""
    if pythons:
        found = [g.rpartition("=")[::2] for g in pythons]
    else:
        paths = [sys.executable, os.path.join(HERE, ".venv", "bin", "python"), shutil.which("python3"), "/usr/bin/python3"]
        found = [("", path) for path in dict.fromkeys(paths) if path and os.path.exists(path)]
    entries, seen = [], set()
    for label, path in found:
        versions = probe(path)
        if pythons and not versions.keys() & ENGINES.keys():
            say("%s is skipped: it has not both numpy and one of torch, torchebm and jax" % path)
        for package, engines in ENGINES.items():
            key = (package, versions.get(package), label)
            if package in versions and key not in seen:
                seen.add(key)
                entries += [(e, path, label) for e in engines if e in wanted]
    for package, engines in ENGINES.items():
        if set(engines) & set(wanted) and not any(key[0] == package for key in seen):
            say("%s is skipped: no interpreter here has it (tools/peers/setup.sh installs it)" % NAMES[package])
    return entries
