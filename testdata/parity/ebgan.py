#!/usr/bin/env python3
"""Compute the fixture of a step of an energy-based GAN with PyTorch.

    python3 ebgan.py [FOLDER]

writes ebgan_energy.safetensors and ebgan_generator.safetensors beside this script
(or into FOLDER): the losses of both networks, their gradients and the weights after
one step of Adam, in float64, from weights by the formula of generate.py. Each
network's gradient is taken with the other as it was.
"""

import os
import sys

import numpy as np
import torch
from torch import nn

from generate import checksum, noise, pixels, relative, require, save, weigh
from layers import Distance, Layers

N, SIDE, CODE, WIDTH = 6, 8, 5, 4
MARGIN, WEIGHT = 15.54, 0.1  # half of the samples are below
GAIN = 6.0  # so that the codes of samples differ
SEEDS = {"energy": 5, "generator": 10}
PREFIXES = {"energy": "autoencoder", "generator": "generator"}
LEARNING_RATE, BETAS, EPSILON = 1e-3, (0.5, 0.999), 1e-8


def upwards(features):
    """arch.upwards: from a vector to an image."""
    h, quarter = WIDTH, SIDE // 4
    return [
        nn.Linear(features, 2 * h * quarter**2), nn.Unflatten(1, (2 * h, quarter, quarter)), nn.GroupNorm(4, 2 * h), nn.ReLU(),
        nn.ConvTranspose2d(2 * h, h, 4, stride=2, padding=1), nn.GroupNorm(2, h), nn.ReLU(),
        nn.ConvTranspose2d(h, 1, 4, stride=2, padding=1),
    ]


def autoencoder():
    h = WIDTH
    return Layers(
        nn.Conv2d(1, h, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(h, 2 * h, 4, stride=2, padding=1), nn.GroupNorm(4, 2 * h), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(2 * h * (SIDE // 4) ** 2, 2 * h),
        *upwards(2 * h), Distance(1),
    )


CODE_LAYER = 6  # of autoencoder


def generator():
    return Layers(*upwards(CODE), nn.Tanh())


BUILD = {"energy": autoencoder, "generator": generator}


def pulling_away(s):
    """f_PT of codes N x d: squared cosines of pairs i != j."""
    unit = s / s.norm(dim=1, keepdim=True)
    squares = (unit @ unit.T) ** 2
    n = len(s)
    return (squares.sum() - squares.diagonal().sum()) / (n * (n - 1))


def step(u8, z, dtype):
    energy = weigh(BUILD["energy"](), SEEDS["energy"], GAIN, dtype).cnn_layers
    generate = weigh(BUILD["generator"](), SEEDS["generator"], GAIN, dtype).cnn_layers
    codes = []
    energy[CODE_LAYER].register_forward_hook(lambda module, x, y: codes.append(y))
    real, fake = pixels(u8, dtype), generate(z.to(dtype))
    judged = energy(fake)
    pulling = pulling_away(codes[-1])
    loss_generator = judged.mean() + WEIGHT * pulling
    e_real, e_fake = energy(real), energy(fake.detach())
    loss_energy = e_real.mean() + torch.relu(MARGIN - e_fake).mean()
    result = {"fake": fake.detach(), "e_real": e_real.detach(), "e_fake": e_fake.detach(), "pulling": pulling.detach().reshape(1)}
    losses = {"energy": loss_energy, "generator": loss_generator}
    models = {"energy": energy, "generator": generate}
    gradients = {k: torch.autograd.grad(losses[k], list(models[k].parameters()), retain_graph=True) for k in models}
    for name, model in models.items():
        out = {"loss": losses[name].detach().reshape(1)}
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
        for (key, p), g in zip(model.named_parameters(), gradients[name]):
            out["gradient.%s.%s" % (PREFIXES[name], key)] = p.grad = g
        optimizer.step()
        for key, p in model.named_parameters():
            out["step1.%s.%s" % (PREFIXES[name], key)] = p.detach().clone()
        result[name] = out
    return result


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    rng = np.random.RandomState(4)
    u8 = noise(rng, N, 1, SIDE, SIDE)
    z = torch.from_numpy(rng.uniform(-1, 1, (N, CODE)).astype(np.float32))
    exact, single = step(u8, z, torch.float64), step(u8, z, torch.float32)
    below = (exact["e_fake"] < MARGIN).sum().item()
    print("energies of samples", exact["e_fake"].numpy().round(2), "f_PT", exact["pulling"].item())
    if not 0 < below < N:
        sys.exit("ebgan.py: %d of %d samples are below the margin" % (below, N))
    for name in ("energy", "generator"):
        for key, want in exact[name].items():
            if key.startswith("gradient."):
                require("%s in float32" % key, relative(single[name][key], want), 2e-5)
        tensors = dict(exact[name])
        if name == "energy":
            tensors.update(images=u8, e_real=exact["e_real"], e_fake=exact["e_fake"])
        else:
            tensors.update(z=z, fake=exact["fake"], pulling_away=exact["pulling"])
        save(folder, "ebgan_" + name, tensors, {
            "what": "a step of an energy-based GAN: the " + name, "weights_seed": str(SEEDS[name]), "weights_gain": str(GAIN),
            "weights_crc32": checksum(weigh(BUILD[name](), SEEDS[name], GAIN, torch.float32)), "margin": str(MARGIN), "pulling_away": str(WEIGHT),
        })


if __name__ == "__main__":
    main()
