"""The work that is compared: the default recipe's, at several sizes."""

from collections import namedtuple

CHAINS, NOISE, STEP_SIZE, CLIP = 64, 0.005, 10, 0.03
STEPS = 60  # of the recipe's chains

# Images of channels × side × side, the network's width, and how many steps a
# timed loop has: on large images a few are long enough to time.
Size = namedtuple("Size", "channels side width steps")
SIZES = {
    "28x28": Size(1, 28, 32, STEPS),
    "28x28-width128": Size(1, 28, 128, 20),
    "64x64x3": Size(3, 64, 32, 20),
    "128x128x1": Size(1, 128, 32, 20),
    "128x128x3": Size(3, 128, 32, 20),
}
DEFAULT = "28x28"

# A training step: the recipe's settings, and a buffer of as many samples as the
# recipe has, or fewer where they would take more memory than this.
ALPHA, LEARNING_RATE, BETAS, CLIP_NORM = 0.1, 1e-4, (0.0, 0.999), 0.1
RESTARTS = 0.05
BUFFER, BUFFER_BYTES = 8192, 256 << 20


def buffer(size):
    """Return how many samples the replay buffer of a training has."""
    return min(BUFFER, BUFFER_BYTES // (4 * size.channels * size.side**2))
