"""The loop that is compared: that of the default recipe."""

CHAINS, STEPS, NOISE, STEP_SIZE = 64, 60, 0.005, 10
