"""When to blink: a renewal process whose intervals are those of people who talk.

Blinks are driven, not sampled by the denoiser: their rate would be whatever its training clips had.
Bentivoglio et al. 1997, "Analysis of blink rate patterns in normal subjects": 17 a minute at rest.
"""

from dataclasses import dataclass

import numpy as np

from model.motion.renewal import Intervals
from model.rates import FPS

# People blink in bouts: a log-normal's spread, not a clock's.
INTERVALS = Intervals(mean_s=4.0, least_s=1.2, spread=0.6)
BLINK_FRAMES = 5


@dataclass
class BlinkState:
    """Generator and the frames until the next blink begins (negative: one is under way)."""

    rng: np.random.Generator
    frames_to_next: int


def initial_blink_state(seed: int) -> BlinkState:
    """Return a state whose first blink comes within the first interval."""
    rng = np.random.default_rng(seed)
    return BlinkState(rng, int(rng.uniform(1.0, INTERVALS.mean_s) * FPS))


def next_blinks(state: BlinkState, count: int) -> list[float]:
    """Say for each of the next `count` frames whether a blink is under way (1.0) or not (0.0)."""
    flags = []
    for _ in range(count):
        flags.append(1.0 if state.frames_to_next <= 0 else 0.0)
        state.frames_to_next -= 1
        if state.frames_to_next <= -BLINK_FRAMES:
            state.frames_to_next = max(1, INTERVALS.draw_frames(state.rng) - BLINK_FRAMES)
    return flags
