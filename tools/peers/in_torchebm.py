"""The Langevin loop by TorchEBM's sampler, LangevinDynamics.

Its step is x − η·g + noise_scale·√(2η)·ε, then the clamp, so noise of standard
deviation σ is a noise_scale of σ/√(2η). It has no setting that clips the gradient:
that is done where it asks the model for it.
"""

import math

import torch
import torchebm
from torchebm.core import BaseModel
from torchebm.samplers import LangevinDynamics

from in_torch import load
from loop import CLIP, NOISE, STEP_SIZE

LEAST = 1e-12  # of a step and of noise, both of which TorchEBM wants above zero


class Energy(BaseModel):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)

    def gradient(self, x, model_kwargs=None):
        return super().gradient(x, model_kwargs).clamp_(-CLIP, CLIP)


class AsItIs:
    """The parameters want gradients, as PyTorch makes them: TorchEBM does not
    freeze them for its chains."""

    name = "LangevinDynamics"

    def __init__(self, weights, threads):
        torch.set_num_threads(threads)
        self.version = "TorchEBM %s on PyTorch %s" % (torchebm.__version__, torch.__version__)
        self.model = Energy(load(weights))

    def sample(self, x, steps, std, step_size):
        step_size = max(step_size, LEAST)
        sampler = LangevinDynamics(
            self.model, step_size=step_size, noise_scale=max(std, LEAST) / math.sqrt(2 * step_size), clamp=(-1.0, 1.0))
        return sampler.sample(x=x, n_steps=steps)

    def energies(self, images):
        with torch.no_grad():
            return self.model(torch.from_numpy(images)).numpy()

    def chain(self, images, steps, noise, step_size):
        return self.sample(torch.from_numpy(images), steps, noise, step_size).numpy()

    def prepare(self, start):
        return torch.from_numpy(start)

    def loop(self, x, steps):
        self.sample(x.clone(), steps, NOISE, STEP_SIZE)


class Frozen(AsItIs):
    name = "LangevinDynamics, parameters frozen"

    def __init__(self, weights, threads):
        super().__init__(weights, threads)
        self.model.requires_grad_(False)


ENGINES = {"torchebm-frozen": Frozen, "torchebm": AsItIs}
