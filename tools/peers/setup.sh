#!/usr/bin/env bash
# Installs PyTorch and JAX for CPUs from PyPI into a virtual environment, by
# default tools/peers/.venv, where run.py finds it. On Linux PyPI's PyTorch brings
# CUDA along, some 6 GB.
set -euo pipefail
venv=${1:-$(dirname "$0")/.venv}
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install numpy torch "jax[cpu]"
