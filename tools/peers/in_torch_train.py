"""The default recipe's training step in PyTorch, as the report writes it and
with the faster loops of in_torch.py."""

import random

import numpy as np
import torch
from torch import nn

import in_torch
from loop import ALPHA, BETAS, CHAINS, CLIP_NORM, LEARNING_RATE, NOISE, RESTARTS, STEP_SIZE

BATCHES = 8  # of made-up images to train on


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).numpy()


class Document:
    """The report's training_step and sample_new_exmps, and what Lightning adds
    to them: the clip and Adam. The network outputs −E. As there, the samples
    still want a gradient when the loss goes back."""

    def __init__(self, engine, shape, buffer):
        self.engine, self.shape = engine, shape
        self.parameters = list(engine.model.parameters())
        engine.model.requires_grad_(True)
        self.optimizer = self.adam()
        self.images = torch.rand(BATCHES * CHAINS, *shape) * 2 - 1
        self.steps = 0
        self.fill(buffer)

    def adam(self):
        return torch.optim.Adam(self.parameters, lr=LEARNING_RATE, betas=BETAS)

    def fill(self, buffer):
        self.max_len = buffer
        self.examples = list((torch.rand(buffer, *self.shape) * 2 - 1).chunk(buffer, dim=0))

    def draw(self, real):
        n_new = np.random.binomial(CHAINS, RESTARTS)
        rand_imgs = torch.rand((n_new,) + self.shape) * 2 - 1
        old_imgs = torch.cat(random.choices(self.examples, k=CHAINS - n_new), dim=0)
        return torch.cat([rand_imgs, old_imgs], dim=0).detach()

    def keep(self, fake):
        self.examples = list(fake.chunk(CHAINS, dim=0)) + self.examples
        self.examples = self.examples[: self.max_len]

    def sample(self, start, steps, noise):
        return self.engine.generate(start, steps, noise, STEP_SIZE)

    def loss(self, real, fake):
        real_out, fake_out = self.engine.model(torch.cat([real, fake], dim=0)).chunk(2, dim=0)
        reg_loss = ALPHA * (real_out**2 + fake_out**2).mean()
        return reg_loss + fake_out.mean() - real_out.mean()

    def update(self, real, fake):
        """Take a step of the optimizer; return the loss and the gradient's norm."""
        loss = self.loss(real, fake)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, CLIP_NORM)
        self.optimizer.step()
        return loss, norm

    def step(self, steps):
        first = self.steps % BATCHES * CHAINS
        real = self.images[first : first + CHAINS].clone()
        real.add_(torch.randn_like(real) * NOISE).clamp_(min=-1.0, max=1.0)
        fake = self.sample(self.draw(real), steps, NOISE)
        self.keep(fake)
        loss, _ = self.update(real, fake)
        loss.item()  # which every training logs
        self.steps += 1

    def rehearse(self, real, start, steps):
        """Take the first step from these images without noise. Return loss, norm,
        clipped gradient and change of the weights, of a network that outputs E."""
        before = [p.detach().clone() for p in self.parameters]
        loss, norm = self.update(torch.from_numpy(real), self.sample(torch.from_numpy(start), steps, 0.0))
        gradient = self.energy([p.grad for p in self.parameters])
        change = self.energy([p - b for p, b in zip(self.parameters, before)])
        return np.concatenate([[loss.item(), float(norm)], flat(gradient), flat(change)])

    def energy(self, tensors):
        """Turn what belongs to the parameters of −E into that of E."""
        return tensors[:-2] + [-t for t in tensors[-2:]]


class Tuned(Document):
    """The buffer as one tensor, parameters frozen while chains run, and Adam as
    one kernel where PyTorch has that. The network outputs E."""

    def adam(self):
        try:
            return torch.optim.Adam(self.parameters, lr=LEARNING_RATE, betas=BETAS, fused=True)
        except (RuntimeError, TypeError):
            return super().adam()

    def fill(self, buffer):
        self.examples, self.next = torch.rand(buffer, *self.shape) * 2 - 1, 0

    def draw(self, real):
        start = self.examples[torch.randint(len(self.examples), (CHAINS,))]
        n_new = np.random.binomial(CHAINS, RESTARTS)
        start[:n_new].uniform_(-1, 1)
        return start

    def keep(self, fake):
        if self.next + CHAINS > len(self.examples):
            self.next = 0
        self.examples[self.next : self.next + CHAINS] = fake
        self.next += CHAINS

    def sample(self, start, steps, noise):
        self.engine.model.requires_grad_(False)
        fake = super().sample(start, steps, noise)
        self.engine.model.requires_grad_(True)
        return fake

    def loss(self, real, fake):
        real_out, fake_out = self.engine.model(self.engine.arrange(torch.cat([real, fake]))).chunk(2)
        return ALPHA * (real_out**2 + fake_out**2).mean() + real_out.mean() - fake_out.mean()

    def energy(self, tensors):
        return tensors


class Compiled(Tuned):
    """The loss and its way back compiled as well."""

    def __init__(self, engine, shape, buffer):
        super().__init__(engine, shape, buffer)
        self.loss = torch.compile(self.loss)


def begin(engine, shape, buffer):
    """Return a training by the way of sampling that engine is."""
    if isinstance(engine, in_torch.Document):
        return Document(engine, shape, buffer)
    if isinstance(engine, in_torch.Compiled):
        return Compiled(engine, shape, buffer)
    return Tuned(engine, shape, buffer)
