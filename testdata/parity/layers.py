#!/usr/bin/env python3
"""Compute Joule's parity fixtures of further layers with PyTorch.

    python3 layers.py [FOLDER]

writes energies of autoencoders, as generate.py does those of other networks. All
types of layers but dropout, which is nothing here, are in one or the other.
"""

import os
import sys

import numpy as np
from torch import nn

from generate import energy, noise

SEEDS = {"conv": 1, "mlp": 2}


class Residual(nn.Module):
    """Adds what went into the first of the layers before it, so many of them."""

    def __init__(self, over):
        super().__init__()
        self.over = over


class Distance(nn.Module):
    """The distance to the image: its norm, or the mean of its squares."""

    def __init__(self, power):
        super().__init__()
        self.power = power


class Layers(nn.Sequential):
    """A Sequential whose layers may read more than the one before them."""

    def forward(self, image):
        values = [image]
        for layer in self:
            x = values[-1]
            if isinstance(layer, Residual):
                x = x + values[-1 - layer.over]
            elif isinstance(layer, Distance):
                apart = (x - image).flatten(1)
                x = apart.norm(dim=1) if layer.power == 1 else (apart**2).mean(dim=1)
            else:
                x = layer(x)
            values.append(x)
        return x


def convolutional():
    return Layers(
        nn.Conv2d(3, 8, kernel_size=4, stride=2, padding=1),
        nn.GroupNorm(2, 8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 8, kernel_size=3, padding=1),
        nn.SiLU(),
        Residual(2),
        nn.ConvTranspose2d(8, 6, kernel_size=3, stride=2, padding=1, output_padding=1),
        nn.Tanh(),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.AvgPool2d(3, stride=2),
        nn.ConvTranspose2d(6, 3, kernel_size=2),
        nn.Sigmoid(),
        Distance(1),
    )


def connected():
    return Layers(
        nn.Flatten(),
        nn.Linear(64, 20),
        nn.ReLU(),
        nn.Linear(20, 20),
        Residual(2),
        nn.GroupNorm(1, 20),
        nn.LeakyReLU(0.1),
        nn.Linear(20, 5 * 4 * 4),
        nn.Unflatten(1, (5, 4, 4)),
        nn.ConvTranspose2d(5, 1, kernel_size=4, stride=2, padding=1),
        nn.Tanh(),
        Distance(2),
    )


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    rng = np.random.RandomState(9)
    energy(folder, "layers_conv", convolutional, SEEDS["conv"], noise(rng, 7, 3, 8, 8), "a convolutional autoencoder")
    energy(folder, "layers_mlp", connected, SEEDS["mlp"], noise(rng, 7, 1, 8, 8), "a fully connected autoencoder")


if __name__ == "__main__":
    main()
