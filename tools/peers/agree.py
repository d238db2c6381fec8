"""Whether a peer computes what Joule computes, asked before anything is timed."""

import os
import sys
from array import array

from loop import NOISE, STEP_SIZE
from peer import Fault

# Of an energy: relative to it, or to the root mean square of all where that
# is larger, since an energy may happen to be near zero.
ENERGY_TOLERANCE = 1e-4
# Of images after some steps without noise: of a pixel, and by root mean square
# of how far the chains went. Where the recipe's step would move images by less
# than MOVE, as it does with fresh weights, it is made longer, or rounding
# would be all there is to compare.
CHAIN_STEPS, CHAIN_TOLERANCE, PATH_TOLERANCE, MOVE = 5, 1e-3, 1e-3, 0.02
# Of the noise's standard deviation over 64 images. Random numbers differ, so
# only their size can be compared.
NOISE_TOLERANCE = 0.02
# Of a training step without noise: the loss and the gradient's norm, relative;
# the clipped gradient, by root mean square of it; a weight's change, of the
# learning rate. Adam's first step is the gradient's sign, so a weight whose gradient is
# almost zero is left out.
LOSS_TOLERANCE, GRADIENT_TOLERANCE, CHANGE_TOLERANCE, ALMOST_ZERO = 1e-4, 1e-3, 1e-2, 1e-2


def read(path):
    """Read a file of little-endian float32."""
    values = array("f")
    with open(path, "rb") as f:
        values.frombytes(f.read())
    if sys.byteorder == "big":
        values.byteswap()
    return values


def largest(values):
    """max, but infinite if one is not a number."""
    return max(v if v == v else float("inf") for v in values)


def rms(values):
    return (sum(v * v for v in values) / len(values)) ** 0.5


def deviation(a, b):
    return rms([x - y for x, y in zip(a, b)])


class Check:
    """Joule's results, and whether a peer's agree with them."""

    def __init__(self, joule, folder):
        self.folder = folder
        self.start = read(self.path("start"))
        self.step_size = STEP_SIZE
        moved = deviation(self.chain(joule, steps=1, noise=0.0, step_size=STEP_SIZE), self.start)
        if 0 < moved < MOVE:
            self.step_size *= MOVE / moved
        self.want = self.results(joule)

    def path(self, name):
        return os.path.join(self.folder, name + ".f32")

    def ask(self, peer, **request):
        peer.ask(out=self.path("out"), **request)
        return read(self.path("out"))

    def chain(self, peer, **request):
        return self.ask(peer, do="chain", images=self.path("start"), **request)

    def results(self, peer):
        """Let the peer compute energies, a chain without noise and noise alone."""
        return {
            "energies": self.ask(peer, do="energies", images=self.path("images")),
            "chain": self.chain(peer, steps=CHAIN_STEPS, noise=0.0, step_size=self.step_size),
            "noise": self.chain(peer, steps=1, noise=NOISE, step_size=0),
        }

    def compare(self, peer):
        """Raise a Fault unless the peer's results agree with Joule's."""
        got, want, start = self.results(peer), self.want, self.start
        for name in want:
            if len(got[name]) != len(want[name]):
                raise Fault("%s: %s: %d values, Joule has %d" % (peer.name, name, len(got[name]), len(want[name])))
        size = rms(want["energies"])
        hold(peer, "energies", largest(abs(a - b) / max(abs(b), size) for a, b in zip(got["energies"], want["energies"])), ENERGY_TOLERANCE)
        hold(peer, "pixels", largest(abs(a - b) for a, b in zip(got["chain"], want["chain"])), CHAIN_TOLERANCE)
        hold(peer, "chains", deviation(got["chain"], want["chain"]) / deviation(want["chain"], start), PATH_TOLERANCE)
        hold(peer, "noise", abs(deviation(got["noise"], start) / deviation(want["noise"], start) - 1), NOISE_TOLERANCE)


class TrainingCheck:
    """The same of a training step: Joule's, from real images and starts of
    chains that it writes into files."""

    def __init__(self, joule, folder, buffer):
        paths = [os.path.join(folder, name + ".f32") for name in ("real", "begin", "step")]
        self.request = dict(do="rehearse", images=paths[0], start=paths[1], out=paths[2], steps=CHAIN_STEPS, buffer=buffer)
        self.want = self.result(joule)

    def result(self, peer):
        """Return loss, norm of the gradient, clipped gradient, change of weights."""
        peer.ask(**self.request)
        values = read(self.request["out"])
        weights = (len(values) - 2) // 2
        return values[0], values[1], values[2 : 2 + weights], values[2 + weights :]

    def compare(self, peer):
        loss, norm, gradient, change = self.result(peer)
        want_loss, want_norm, want_gradient, want_change = self.want
        if len(gradient) != len(want_gradient):
            raise Fault("%s: %d weights, Joule has %d" % (peer.name, len(gradient), len(want_gradient)))
        hold(peer, "loss", abs(loss / want_loss - 1), LOSS_TOLERANCE)
        hold(peer, "norm of the gradient", abs(norm / want_norm - 1), LOSS_TOLERANCE)
        size = rms(want_gradient)
        hold(peer, "gradient", deviation(gradient, want_gradient) / size, GRADIENT_TOLERANCE)
        rate = largest(abs(c) for c in want_change)
        hold(peer, "weights' change", largest(
            abs(a - b) / rate for a, b, g in zip(change, want_change, want_gradient) if abs(g) > ALMOST_ZERO * size), CHANGE_TOLERANCE)


def hold(peer, what, apart, allowed):
    peer.apart[what] = apart
    if not apart <= allowed:
        raise Fault("%s: %s: differs from Joule's by %.2g, allowed %.2g" % (peer.name, what, apart, allowed))
