"""When to blink: a renewal process whose intervals are those of people who talk.

Blinks are driven, not sampled by the denoiser: their rate would be whatever its training clips had.
Bentivoglio et al. 1997, "Analysis of blink rate patterns in normal subjects": 17 a minute at rest.
"""

from dataclasses import dataclass

import numpy as np

from model.motion.renewal import draw_interval_s
from model.rates import FPS

MEAN_INTERVAL_S = 4.0
MIN_INTERVAL_S = 1.2
# People blink in bouts: a log-normal's spread, not a clock's.
_SPREAD = 0.6
BLINK_FRAMES = 5


@dataclass
class BlinkState:
    """Generator and the frames until the next blink begins (negative: one is under way)."""

    rng: np.random.Generator
    frames_to_next: int


def initial_blink_state(seed: int) -> BlinkState:
    """Return a state whose first blink comes within the first interval."""
    rng = np.random.default_rng(seed)
    return BlinkState(rng, int(rng.uniform(1.0, MEAN_INTERVAL_S) * FPS))


def next_blinks(state: BlinkState, count: int) -> list[float]:
    """Say for each of the next `count` frames whether a blink is under way (1.0) or not (0.0)."""
    flags = []
    for _ in range(count):
        flags.append(1.0 if state.frames_to_next <= 0 else 0.0)
        state.frames_to_next -= 1
        if state.frames_to_next <= -BLINK_FRAMES:
            state.frames_to_next = _interval_frames(state.rng)
    return flags


def _interval_frames(rng: np.random.Generator) -> int:
    pause_s = draw_interval_s(rng, MEAN_INTERVAL_S, MIN_INTERVAL_S, _SPREAD)
    return max(1, round(pause_s * FPS) - BLINK_FRAMES)
