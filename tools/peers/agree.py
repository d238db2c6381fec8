"""Whether a peer computes what Joule computes, asked before anything is timed."""

import os
import sys
from array import array

from peer import Fault

# Of an energy: relative to it, or to the root mean square of all where that
# is larger, since an energy may happen to be near zero.
ENERGY_TOLERANCE = 1e-4
# Of a pixel, after some steps without noise. Steps amplify rounding: gradients
# are multiplied by ten each time, and clipped.
CHAIN_STEPS, CHAIN_TOLERANCE = 5, 1e-3
# Of the noise's standard deviation over 64 images. Random numbers differ, so
# only their size can be compared.
NOISE_TOLERANCE = 0.02


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


def deviation(a, b):
    return (sum((x - y) ** 2 for x, y in zip(a, b)) / len(a)) ** 0.5


def results(peer, folder):
    """Let the peer compute energies, a chain without noise and noise alone."""
    out, start = os.path.join(folder, "out.f32"), os.path.join(folder, "start.f32")
    requests = {
        "energies": dict(do="energies", images=os.path.join(folder, "images.f32")),
        "chain": dict(do="chain", images=start, steps=CHAIN_STEPS, noise=0.0, step_size=10),
        "noise": dict(do="chain", images=start, steps=1, noise=0.005, step_size=0),
    }
    found = {}
    for name, request in requests.items():
        peer.ask(out=out, **request)
        found[name] = read(out)
    return found


def check(peer, got, want, folder):
    """Raise a Fault unless the peer's results agree with Joule's."""
    for name in want:
        if len(got[name]) != len(want[name]):
            raise Fault("%s: %s: %d values, Joule has %d" % (peer.name, name, len(got[name]), len(want[name])))

    def hold(what, apart, allowed):
        if not apart <= allowed:
            raise Fault("%s: %s differ from Joule's by %.2g, allowed %.2g" % (peer.name, what, apart, allowed))
        return apart

    energies = want["energies"]
    rms = (sum(e * e for e in energies) / len(energies)) ** 0.5
    peer.apart["energies"] = hold(
        "energies", largest(abs(a - b) / max(abs(b), rms) for a, b in zip(got["energies"], energies)), ENERGY_TOLERANCE)
    peer.apart["pixels"] = hold(
        "pixels after %d steps" % CHAIN_STEPS, largest(abs(a - b) for a, b in zip(got["chain"], want["chain"])), CHAIN_TOLERANCE)
    start = read(os.path.join(folder, "start.f32"))
    hold("standard deviations of the noise",
         abs(deviation(got["noise"], start) / deviation(want["noise"], start) - 1), NOISE_TOLERANCE)
