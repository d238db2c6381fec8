"""Writes fixtures.json: what NumPy, SciPy, scikit-learn and ArviZ compute for
the inputs that README.md defines.

    python3 generate.py
"""

import json
import pathlib
import warnings

import numpy as np
import scipy.linalg
import scipy.stats
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

warnings.simplefilter("ignore")
import arviz  # noqa: E402


def unit(seed, n):
    """n numbers in [0, 1): SplitMix64's finaliser, its top 24 bits."""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed << 32) + np.arange(1, n + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 24)


def bell(seed, n):
    u = unit(seed, 3 * n).reshape(n, 3)
    return u[:, 0] + u[:, 1] + u[:, 2] - 1.5


def features(seed, n, d, rank, scale, shift):
    z = bell(seed, n * rank).reshape(n, rank)
    j = np.arange(d)
    x = z[:, j % rank] + 0.5 * z[:, (j + 1) % rank]
    return (x * scale + shift).astype(np.float32)


def probabilities(seed, n, classes):
    u = unit(seed, n * classes).reshape(n, classes)
    p = u * u * u * u + 0.01
    total = np.zeros(n)
    for c in range(classes):
        total += p[:, c]
    return (p / total[:, None]).astype(np.float32)


def scores(seed, n, scale, shift):
    """With many ties."""
    return np.floor((bell(seed, n) * scale + shift) * 16) / 16


def chains(seed, m, n, phi, spread):
    z = bell(seed, m * n).reshape(m, n)
    x = np.zeros((m, n))
    last = np.zeros(m)
    for t in range(n):
        last = last * phi + z[:, t]
        x[:, t] = last + spread * np.arange(m)
    return x


def frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    ca, cb = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    root = scipy.linalg.sqrtm(ca @ cb)
    diff = a.mean(0) - b.mean(0)
    rest = diff @ diff + np.trace(ca) + np.trace(cb)
    # The same without a covariance: exact where those are singular, and the
    # square root is not.
    ra, rb = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    return {
        "sqrtm": rest - 2 * np.trace(root.real),
        "factors": rest - 2 * np.linalg.norm(ra @ rb.T, "nuc"),
    }


def manifold(real, fake, k):
    def balls(x):
        # The nearest of k + 1 is the point itself.
        return NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(x).kneighbors(x)[0][:, k]

    real, fake = real.astype(np.float64), fake.astype(np.float64)
    cross = np.sqrt(((real[:, None, :] - fake[None, :, :]) ** 2).sum(-1))
    br, bf = balls(real), balls(fake)
    gap = min(np.abs(cross - br[:, None]).min(), np.abs(cross - bf[None, :]).min())
    assert gap > 1e-6, "a distance is too near to a ball's radius for float32"
    inside = cross < br[:, None]
    return {
        "precision": inside.any(0).mean(),
        "recall": (cross < bf[None, :]).any(1).mean(),
        "density": inside.sum(0).mean() / k,
        "coverage": (cross.min(1) < br).mean(),
    }


def inception(p, splits):
    p = p.astype(np.float64)
    p /= p.sum(1, keepdims=True)

    def score(part):
        kl = part * (np.log(part) - np.log(part.mean(0, keepdims=True)))
        return np.exp(kl.sum(1).mean())

    n = len(p)
    parts = [score(p[s * n // splits : (s + 1) * n // splits]) for s in range(splits)]
    return {"score": score(p), "mean": np.mean(parts), "sd": np.std(parts)}


def labels(p):
    p = p.astype(np.float64)
    p /= p.sum(1, keepdims=True)
    label = p.argmax(1)
    doubt = scipy.stats.entropy(p, axis=1)
    count = np.bincount(label, minlength=p.shape[1])
    return {
        "count": count.tolist(),
        "entropy": scipy.stats.entropy(count),
        "doubt": [float(doubt[label == c].mean()) for c in range(p.shape[1])],
    }


def detection(a, b, level):
    truth = np.r_[np.ones(len(a)), np.zeros(len(b))]
    both = np.r_[a, b]
    fpr, tpr, _ = roc_curve(truth, both, drop_intermediate=False)
    auc = roc_auc_score(truth, both)
    # DeLong et al., with every pair written out.
    psi = (a[:, None] > b[None, :]) + 0.5 * (a[:, None] == b[None, :])
    sd = np.sqrt(psi.mean(1).var(ddof=1) / len(a) + psi.mean(0).var(ddof=1) / len(b))
    z = scipy.stats.norm.ppf((1 + level) / 2) * sd / (auc * (1 - auc))
    odds = scipy.special.logit(auc)
    # The bootstrap, with other random numbers than ours.
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(20000):
        x, y = np.sort(rng.choice(a, len(a))), rng.choice(b, len(b))
        t = x[len(x) - int(np.ceil(0.95 * len(x) - 1e-9))]
        rates.append((y >= t).mean())
    return {
        "auroc": auc,
        "low": scipy.special.expit(odds - z),
        "high": scipy.special.expit(odds + z),
        "fpr95": fpr[np.argmax(tpr >= 0.95 - 1e-12)],
        "fpr95_low": np.quantile(rates, (1 - level) / 2),
        "fpr95_high": np.quantile(rates, (1 + level) / 2),
    }


def diversity(x):
    return scipy.spatial.distance.pdist(x.astype(np.float64)).mean()


def nearest(x, y):
    distance, index = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(y.astype(np.float64)).kneighbors(x.astype(np.float64))
    return {"index": index[:, 0].tolist(), "distance": [round(float(v), 9) for v in distance[:, 0]]}


def mixing(x):
    return {
        "split_rhat": arviz.rhat(x, method="split"),
        "rank_rhat": arviz.rhat(x, method="rank"),
        "mean_ess": arviz.ess(x, method="mean"),
        "bulk_ess": arviz.ess(x, method="bulk"),
    }


def plain(v):
    if isinstance(v, dict):
        return {k: plain(w) for k, w in v.items()}
    if isinstance(v, list):
        return [plain(w) for w in v]
    return v.item() if isinstance(v, np.generic) else v


def case(inputs, want):
    return {**inputs, "want": plain(want)}


def main():
    out = {"frechet": [], "manifold": [], "diversity": [], "nearest": [], "probabilities": [], "detection": [], "chains": []}
    names = ("seed", "n", "d", "rank", "scale", "shift")
    for a, b in [
        ((1, 300, 8, 8, 1, 0), (2, 200, 8, 8, 1.25, 0.5)),
        ((3, 500, 64, 64, 1, 0), (4, 700, 64, 64, 1, 0)),
        ((5, 400, 33, 33, 100, 1000), (6, 400, 33, 33, 50, 990)),
        ((7, 50, 1, 1, 1, 0), (8, 60, 1, 1, 2, 1)),
        # Singular: repeated columns, and fewer points than dimensions.
        ((9, 300, 24, 10, 1, 0), (10, 300, 24, 10, 0.75, 0.25)),
        ((11, 20, 40, 40, 1, 0), (12, 30, 40, 40, 1.5, 0)),
    ]:
        fa, fb = features(*a), features(*b)
        inputs = {"a": dict(zip(names, a)), "b": dict(zip(names, b))}
        out["frechet"].append(case(inputs, frechet(fa, fb)))
        if a[0] in (1, 3, 5, 7):
            for k in (1, 3, 5):
                out["manifold"].append(case({**inputs, "k": k}, manifold(fa, fb, k)))
        if a[0] in (1, 3, 11):
            out["nearest"].append(case(inputs, nearest(fb[:40], fa)))
        out["diversity"].append(case(inputs, diversity(fa)))
    for seed, n, classes, splits in [(20, 500, 10, 10), (21, 103, 7, 4), (22, 64, 3, 1)]:
        p = probabilities(seed, n, classes)
        inputs = {"seed": seed, "n": n, "classes": classes, "splits": splits}
        out["probabilities"].append(case(inputs, {**inception(p, splits), **labels(p)}))
    for seed, m, n, scale, shift in [(30, 400, 300, 0.8, -0.3), (32, 50, 80, 1, 0), (34, 1000, 500, 1.5, -1.25)]:
        inputs = {"seed": seed, "m": m, "n": n, "scale": scale, "shift": shift, "level": 0.95}
        out["detection"].append(case(inputs, detection(scores(seed, m, 1, 0), scores(seed + 1, n, scale, shift), 0.95)))
    for seed, m, n, phi, spread in [
        (40, 4, 100, 0, 0),
        (41, 4, 250, 0.9, 0),
        (42, 2, 101, 0.5, 0.25),
        (43, 8, 64, -0.7, 0),
        (44, 3, 1000, 0.99, 0),
        (45, 16, 20, 0.3, 1),
        (46, 2, 7, 0.3, 0),
    ]:
        inputs = {"seed": seed, "m": m, "n": n, "phi": phi, "spread": spread}
        out["chains"].append(case(inputs, mixing(chains(seed, m, n, phi, spread))))

    lines = []
    for name, cases in out.items():
        lines.append(json.dumps(name) + ": [\n  " + ",\n  ".join(json.dumps(c) for c in cases) + "\n]")
    path = pathlib.Path(__file__).parent / "fixtures.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
