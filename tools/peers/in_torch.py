"""The Langevin loop in PyTorch, as the report writes it and as fast as we
know how to write it."""

import torch
from torch import nn

from loop import CLIP, NOISE, STEP_SIZE


class Model(nn.Module):
    """The default network, of images whose last convolution has so many pixels."""

    def __init__(self, hidden_features=32, out_dim=1, channels=1, pixels=4):
        super().__init__()
        hidden_features1 = hidden_features // 2
        hidden_features2 = hidden_features
        hidden_features3 = hidden_features * 2

        self.cnn_layers = nn.Sequential(
            nn.Conv2d(channels, hidden_features1, kernel_size=5, stride=2, padding=4),
            nn.SiLU(),
            nn.Conv2d(hidden_features1, hidden_features2, kernel_size=3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(hidden_features2, hidden_features3, kernel_size=3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(hidden_features3, hidden_features3, kernel_size=3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(hidden_features3 * pixels, hidden_features3),
            nn.SiLU(),
            nn.Linear(hidden_features3, out_dim),
        )

    def forward(self, x):
        x = self.cnn_layers(x).squeeze(dim=-1)
        return x


def load(weights):
    width, flat = weights["cnn_layers.9.weight"].shape
    model = Model(width // 2, channels=weights["cnn_layers.0.weight"].shape[1], pixels=flat // width)
    model.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    return model


class Engine:
    """What all of PyTorch's ways have in common. self.model outputs E."""

    def __init__(self, weights, threads):
        torch.set_num_threads(threads)
        self.version = "PyTorch " + torch.__version__
        self.model = load(weights)

    def energies(self, images):
        with torch.no_grad():
            return self.model(torch.from_numpy(images)).numpy()

    def prepare(self, start):
        return torch.from_numpy(start)

    def arrange(self, x):
        """Put images into the memory format that the model works in."""
        return x

    def loop(self, x, steps):
        self.generate(x.clone(), steps, NOISE, STEP_SIZE)

    def chain(self, images, steps, noise, step_size):
        return self.generate(torch.from_numpy(images), steps, noise, step_size).detach().numpy()


class Document(Engine):
    """The report's generate_samples, line by line; its network outputs −E."""

    name = "the report's code"

    def __init__(self, weights, threads):
        super().__init__(weights, threads)
        with torch.no_grad():
            self.model.cnn_layers[-1].weight.neg_()
            self.model.cnn_layers[-1].bias.neg_()

    def energies(self, images):
        return -super().energies(images)

    def generate(self, inp_imgs, steps, std, step_size):
        model = self.model
        is_training = model.training
        model.eval()
        for p in model.parameters():
            p.requires_grad = False
        inp_imgs.requires_grad = True

        had_gradients_enabled = torch.is_grad_enabled()
        torch.set_grad_enabled(True)

        noise = torch.randn(inp_imgs.shape)

        for _ in range(steps):
            noise.normal_(0, std)
            inp_imgs.data.add_(noise.data)
            inp_imgs.data.clamp_(min=-1.0, max=1.0)

            out_imgs = -model(inp_imgs)
            out_imgs.sum().backward()
            inp_imgs.grad.data.clamp_(-0.03, 0.03)
            inp_imgs.data.add_(-step_size * inp_imgs.grad.data)
            inp_imgs.grad.detach_()
            inp_imgs.grad.zero_()
            inp_imgs.data.clamp_(min=-1.0, max=1.0)

        for p in model.parameters():
            p.requires_grad = True
        model.train(is_training)

        torch.set_grad_enabled(had_gradients_enabled)
        return inp_imgs


class Tuned(Engine):
    """Parameters frozen for good, the gradient of the images alone, nothing
    allocated that can be kept."""

    name = "tuned"

    def __init__(self, weights, threads):
        super().__init__(weights, threads)
        self.model.eval().requires_grad_(False)

    def generate(self, x, steps, std, step_size):
        x = x.detach().requires_grad_()
        pixels = x.detach()  # the same memory, unseen by autograd
        noise = torch.empty_like(pixels)
        for _ in range(steps):
            pixels.add_(noise.normal_(0, std)).clamp_(-1, 1)
            (gradient,) = torch.autograd.grad(self.model(x).sum(), x)
            pixels.sub_(gradient.clamp_(-CLIP, CLIP), alpha=step_size).clamp_(-1, 1)
        return pixels


class InChannelsLast:
    """Images and weights in that memory format."""

    def __init__(self, weights, threads):
        super().__init__(weights, threads)
        self.model.to(memory_format=torch.channels_last)

    def arrange(self, x):
        return x.to(memory_format=torch.channels_last)

    def generate(self, x, steps, std, step_size):
        return super().generate(self.arrange(x), steps, std, step_size)


class ChannelsLast(InChannelsLast, Tuned):
    name = "tuned, channels_last"


class Compiled(Tuned):
    """The whole step, from noise to clamp, as one compiled function."""

    name = "torch.compile"

    def __init__(self, weights, threads):
        super().__init__(weights, threads)
        if not hasattr(torch, "compile"):
            raise RuntimeError("this PyTorch has no torch.compile")
        self.steps = {}

    def step(self, std, step_size):
        """Compile a step for these constants, once."""
        if (std, step_size) not in self.steps:
            gradient = torch.func.grad(lambda x: self.model(x).sum())

            def step(x):
                x = (x + std * torch.randn_like(x)).clamp(-1, 1)
                return (x - step_size * gradient(x).clamp(-CLIP, CLIP)).clamp(-1, 1)

            self.steps[std, step_size] = torch.compile(step)
        return self.steps[std, step_size]

    def generate(self, x, steps, std, step_size):
        step = self.step(std, step_size)
        with torch.no_grad():
            for _ in range(steps):
                x = step(x)
        return x


class CompiledChannelsLast(InChannelsLast, Compiled):
    name = "torch.compile, channels_last"


ENGINES = {
    "torch-document": Document,
    "torch-tuned": Tuned,
    "torch-channels-last": ChannelsLast,
    "torch-compile": Compiled,
    "torch-compile-channels-last": CompiledChannelsLast,
}
