#!/usr/bin/env bash
# Installs PyTorch, TorchEBM and JAX from PyPI into a virtual environment, by
# default tools/peers/.venv, where run.py finds it:
#
#   tools/peers/setup.sh [FOLDER [PIP'S OPTIONS]]
#
# On Linux PyPI's PyTorch is built for CUDA and loads its libraries even where
# only the CPU is used, so they must be there: some 6 GB. A package index of your own with
# a build for CPUs saves that: give pip its options after the folder. PyTorch
# wants Python 3.11; PYTHON says which interpreter to take.
set -euo pipefail
venv=${1:-$(dirname "$0")/.venv}
if [ $# -gt 0 ]; then shift; fi
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install "$@" numpy torch torchebm==0.8.9 "jax[cpu]"
"$venv/bin/python" -c 'import jax, torch, torchebm
print("PyTorch", torch.__version__, "TorchEBM", torchebm.__version__, "JAX", jax.__version__)'
