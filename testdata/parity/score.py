#!/usr/bin/env python3
"""Compute the fixtures of denoising score matching with PyTorch.

    python3 score.py [FOLDER]

writes score_*.safetensors beside this script (or into FOLDER), in the same
way as generate.py, whose networks, weights and images it takes. The loss is

    L = 1/(2 N D) sum_i |r_i|^2,    r_i = sigma grad_x E(x_i + sigma noise_i) - noise_i

over N images of D values. The expected gradient comes from PyTorch's double
backward in float64. Joule differentiates once and takes a central difference
along r instead; the script does the same in float32, stops unless that stays
near the expected gradient, and prints how near it is for several steps.
"""

import copy

from generate import *

SIGMA = 0.5  # a power of two: x + sigma*noise rounds once, with or without FMA
SCORE_GAIN = 3.0  # a score large enough to count beside the noise
STEP = 1e-2  # root mean square over pixels of the central difference's step
SCORE_TRAINING_SEED = 3  # searched for: differences reproduce even Adam's first step
STEPS = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)


def normal(rng, *shape):
    return torch.from_numpy(rng.randn(*shape).astype(np.float32))


def residual(model, x, eps, sigma, create_graph=False):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).sum(), x, create_graph=create_graph)
    return sigma * gradient - eps


def double_backward(model, x, eps, sigma):
    """The loss, r, and the loss's gradient of each parameter."""
    parameters = list(model.parameters())
    r = residual(model, x, eps, sigma, create_graph=True)
    loss = (r**2).mean() / 2
    # The last bias moves E but no gradient of E: its derivative is None.
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients)]
    return loss.detach(), r.detach(), gradients


def differences(model, x, eps, sigma, step):
    """The same gradient without second derivatives: image i moves to both
    sides along r_i, so far that the root mean square over its pixels is step."""
    r = residual(model, x, eps, sigma)
    size = (r**2).mean(dim=(1, 2, 3)).sqrt()
    u = r * (step / size).reshape(-1, 1, 1, 1)
    c = sigma * size / (2 * step * r.numel())
    energies = model(torch.cat([x + u, x - u]))
    gradients = torch.autograd.grad((torch.cat([c, -c]) * energies).sum(), list(model.parameters()))
    return list(gradients)


def norm(tensors):
    return sum((t.double() ** 2).sum() for t in tensors).sqrt().item()


def apart(got, want):
    """Relative error of the whole gradient, and of the worst tensor. The last
    bias is left out of the latter, since nothing is relative to zero."""
    tensors = [norm([g - w]) / norm([w]) for g, w in zip(got[:-1], want)]
    return norm([g - w for g, w in zip(got, want)]) / norm(want), max(tensors)


def check_slope(model, x, eps, sigma, gradients):
    """Compare the gradient with a central difference along a random direction."""
    rng = np.random.RandomState(7)
    vs = [torch.from_numpy(rng.randn(*p.shape)) for p in model.parameters()]
    h, ends = 1e-6, []
    for step in (h, -2 * h, h):  # the last one restores the weights
        for p, v in zip(model.parameters(), vs):
            p.data += step * v
        ends.append((residual(model, x, eps, sigma) ** 2).mean() / 2)
    slope = (ends[0] - ends[1]) / (2 * h)
    expect = sum((v * g).sum() for v, g in zip(vs, gradients))
    require("central difference of the loss, parameters", abs(slope / expect - 1).item(), 1e-5)


def compare(what, model, x, eps, sigma):
    """Print how far central differences in float32 are from the gradient."""
    loss, _, want = double_backward(model.double(), x.double(), eps.double(), sigma)
    single = copy.deepcopy(model).float()
    print("  %s: loss %.3f; step, error of all, of the worst tensor" % (what, loss))
    for step in STEPS:
        print("    %.0e %.1e %.1e" % (step, *apart(differences(single, x, eps, sigma, step), want)))


def score(folder, hidden_features, u8):
    build = lambda dtype: weigh(document_network(hidden_features), seed, SCORE_GAIN, dtype)
    seed = ENERGY_SEEDS[hidden_features]
    eps = normal(np.random.RandomState(8), *u8.shape)
    x = pixels(u8, torch.float32) + SIGMA * eps
    model, single = build(torch.float64), build(torch.float32)
    loss, r, gradients = double_backward(model, x.double(), eps.double(), SIGMA)
    loss32, r32, gradients32 = double_backward(single, x, eps, SIGMA)
    require("float32 loss", abs(loss32 / loss - 1).item(), 1e-6)
    require("float32 residual, of the largest", relative(r32, r), 1e-6)
    worst = max(relative(a, b) for a, b in zip(gradients32[:-1], gradients))
    require("float32 parameter gradients, of each largest", worst, 2e-5)
    check_slope(model, x.double(), eps.double(), SIGMA, gradients)
    moved = differences(single, x, eps, SIGMA, STEP)
    require("float32 central differences, of the norm", apart(moved, gradients)[0], 1e-3)
    require("float32 central differences, of each norm", apart(moved, gradients)[1], 2e-3)
    bias = moved[-1].abs().item() / norm(gradients)
    require("float32 central differences, last bias, of the norm", bias, 1e-6)
    tensors = {"noise": eps, "noisy": x, "loss": loss.reshape(1), "residual": r}
    for (key, _), g in zip(model.named_parameters(), gradients):
        tensors["gradient." + key] = g
    tensors["images"] = u8
    save(folder, "score_hf%d" % hidden_features, tensors, {
        "what": "the default network, hidden_features %d: loss, residual and parameter gradients "
        "of denoising score matching at noisy = images + sigma*noise" % hidden_features,
        "sigma": str(SIGMA),
        "weights_seed": str(seed),
        "weights_gain": str(SCORE_GAIN),
        "weights_crc32": checksum(build(torch.float32)),
    })


def train_score(u8, eps, dtype, gradient):
    """Steps of score matching on recorded images and noise; gradient tells how
    the loss is differentiated. Adam, clip and schedule are those of train."""
    model = weigh(document_network(4), SCORE_TRAINING_SEED, TRAINING_GAIN, dtype)
    crc = checksum(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=GAMMA)
    record = {"losses": [], "gradient_norms": [], "learning_rates": []}
    weights = {}
    for step in range(1, TRAINING_STEPS + 1):
        x = pixels(u8[step - 1], torch.float32) + SIGMA * eps[step - 1]
        x, e = x.to(dtype), eps[step - 1].to(dtype)
        record["losses"].append((residual(model, x, e, SIGMA) ** 2).mean().item() / 2)
        for p, g in zip(model.parameters(), gradient(model, x, e)):
            p.grad = g
        total = nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        record["gradient_norms"].append(total.item())
        record["learning_rates"].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step == SCHEDULE_AFTER:
            schedule.step()
        if step in (1, TRAINING_STEPS):
            weights[step] = {k: p.detach().clone() for k, p in model.named_parameters()}
    return crc, {k: np.array(v) for k, v in record.items()}, weights


def score_training(folder, u8):
    eps = normal(np.random.RandomState(10), *u8.shape)
    exact = lambda model, x, e: double_backward(model, x, e, SIGMA)[2]
    moved = lambda model, x, e: differences(model, x, e, SIGMA, STEP)
    crc, record, weights = train_score(u8, eps, torch.float64, exact)
    for what, gradient, limit in (("float32", exact, 1e-3), ("float32 differences", moved, 5e-3)):
        _, record32, weights32 = train_score(u8, eps, torch.float32, gradient)
        for step, named in weights.items():
            error = max((named[k] - weights32[step][k]).abs().max().item() for k in named)
            require("%s, weights after step %d, of lr" % (what, step), error / LEARNING_RATE, limit * step)
        require("%s, losses" % what, np.abs(record32["losses"] - record["losses"]).max(), 1e-6)
        error = np.abs(record32["gradient_norms"] / record["gradient_norms"] - 1).max()
        require("%s, gradient norms" % what, error, 1e-3)
    print("  gradient norms", record["gradient_norms"].round(4))
    tensors = {"noise": eps, **record}
    for step, named in weights.items():
        for key, w in named.items():
            tensors["step%d.%s" % (step, key)] = w
    save(folder, "score_training_hf4", tensors, {
        "what": "ten steps of denoising score matching on real of training_images.safetensors plus "
        "sigma*noise, hidden_features 4: loss, gradient norm and learning rate of each step, weights "
        "after steps 1 and 10; the learning rate decays once, after step 5",
        "sigma": str(SIGMA),
        "weights_seed": str(SCORE_TRAINING_SEED),
        "weights_gain": str(TRAINING_GAIN),
        "weights_crc32": crc,
    })


def trained(hidden_features, sigma, u8):
    """A network after 200 steps of score matching, for compare alone."""
    rng = np.random.RandomState(3)
    model = weigh(document_network(hidden_features), 1, 1.5, torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    images = pixels(u8, torch.float32)
    for _ in range(200):
        x = images[torch.from_numpy(rng.randint(0, len(images), 64))]
        eps = normal(rng, *x.shape)
        _, _, gradients = double_backward(model, x + sigma * eps, eps, sigma)
        for p, g in zip(model.parameters(), gradients):
            p.grad = g
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
    return model


def survey(u8):
    """Print what a step is worth, for networks of several kinds."""
    eps = normal(np.random.RandomState(8), *u8.shape)
    x = pixels(u8, torch.float32)
    for hidden_features in (8, 32):
        for gain in (1, 2.5, 4):
            what = "hidden_features %d, gain %g" % (hidden_features, gain)
            model = weigh(document_network(hidden_features), ENERGY_SEEDS[hidden_features], gain, torch.float64)
            compare(what + ", sigma 0.5", model, x + 0.5 * eps, eps, 0.5)
            compare(what + ", within [-1, 1]", model, x / 2 + 0.1 * eps, eps, 0.1)
    strokes = digits(np.random.RandomState(9), 216)
    x = pixels(strokes[:16], torch.float32)
    eps = normal(np.random.RandomState(8), *x.shape)
    for sigma in (0.1, 0.5):
        model = trained(8, sigma, strokes[16:])
        compare("hidden_features 8, trained, sigma %g" % sigma, model, x + sigma * eps, eps, sigma)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    rng = np.random.RandomState(1)
    images = np.concatenate([digits(rng, 6), noise(rng, 4, 1, 28, 28)])  # those of energy_*
    for hidden_features in (8, 32):
        score(folder, hidden_features, images)
    rng = np.random.RandomState(2)
    real = digits(rng, TRAINING_STEPS * 8)  # real of training_images
    score_training(folder, real.reshape(TRAINING_STEPS, 8, 1, 28, 28))
    survey(images)


if __name__ == "__main__":
    main()
