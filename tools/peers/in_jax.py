"""The Langevin loop in JAX, compiled whole and step by step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from loop import CLIP, NOISE, STEP_SIZE

STRIDE = 2
PADDING = {0: 4}  # of the first convolution; the others have 1
CONVOLUTIONS = (0, 2, 4, 6)
HIDDEN, LAST = "cnn_layers.9", "cnn_layers.11"


def energy(weights, x):
    """E of images N×H×W×C, which is the layout that XLA's CPU backend works in."""
    for i in CONVOLUTIONS:
        name, pad = "cnn_layers.%d" % i, PADDING.get(i, 1)
        x = lax.conv_general_dilated(
            x,
            weights[name + ".weight"],
            (STRIDE, STRIDE),
            [(pad, pad), (pad, pad)],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = jax.nn.silu(x + weights[name + ".bias"])
    x = x.reshape(x.shape[0], -1)
    x = jax.nn.silu(x @ weights[HIDDEN + ".weight"] + weights[HIDDEN + ".bias"])
    return (x @ weights[LAST + ".weight"] + weights[LAST + ".bias"])[:, 0]


def layout(weights):
    """Turn PyTorch's layout of the weights into that of energy."""
    out = {}
    for name, w in weights.items():
        if w.ndim == 4:
            w = w.transpose(2, 3, 1, 0)
        elif name == HIDDEN + ".weight":
            # The flattened image was C×H×W there and is H×W×C here.
            channels = weights["cnn_layers.6.weight"].shape[0]
            side = int(np.sqrt(w.shape[1] // channels))
            w = w.reshape(-1, channels, side, side).transpose(2, 3, 1, 0).reshape(-1, w.shape[0])
        elif w.ndim == 2:
            w = w.T
        out[name] = jnp.asarray(w)
    return out


def step(weights, x, key, k, std, step_size):
    noise = std * jax.random.normal(jax.random.fold_in(key, k), x.shape)
    x = jnp.clip(x + noise, -1, 1)
    gradient = jax.grad(lambda x: energy(weights, x).sum())(x)
    return jnp.clip(x - step_size * jnp.clip(gradient, -CLIP, CLIP), -1, 1)


@partial(jax.jit, static_argnums=(3, 4, 5))
def whole_loop(weights, x, key, steps, std, step_size):
    return lax.fori_loop(0, steps, lambda k, x: step(weights, x, key, k, std, step_size), x)


one_step = jax.jit(step, static_argnums=(4, 5))


def step_by_step(weights, x, key, steps, std, step_size):
    for k in range(steps):
        x = one_step(weights, x, key, k, std, step_size)
    return x


def channels_last(images):
    return jnp.asarray(images.transpose(0, 2, 3, 1))


class Loop:
    name = "whole loop in jit"
    generate = staticmethod(whole_loop)

    def __init__(self, weights):
        self.version = "JAX " + jax.__version__
        self.weights = layout(weights)
        self.key = jax.random.key(1)

    def energies(self, images):
        return np.asarray(jax.jit(energy)(self.weights, channels_last(images)))

    def chain(self, images, steps, noise, step_size):
        x = self.generate(self.weights, channels_last(images), self.key, steps, noise, step_size)
        return np.asarray(x).transpose(0, 3, 1, 2)

    def prepare(self, start):
        return channels_last(start)

    def loop(self, x, steps):
        self.generate(self.weights, x, self.key, steps, NOISE, STEP_SIZE).block_until_ready()


class Steps(Loop):
    """XLA's code for one step at a time has been the faster on CPUs."""

    name = "each step in jit"
    generate = staticmethod(step_by_step)


ENGINES = {"jax-loop": Loop, "jax-steps": Steps}
