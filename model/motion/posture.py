"""Where a head that talks is turned to for a while: a renewal process of the session's own.

What the denoiser turns it by follows the sound, in all sessions nearly alike. People also shift,
every few seconds, to where no sound tells; like blinks, such shifts are driven, not sampled.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.motion.renewal import draw_interval_s
from model.motion.space import NUM_HEAD
from model.rates import FPS

MEAN_INTERVAL_S = 2.2
MIN_INTERVAL_S = 0.6
_SPREAD = 0.5
# Tells its draws from those of other processes of the same seed.
_STREAM = 1
# Standard deviation of each of the head's coefficients (nodding, turning, tilting; no translation),
# for each rad/s of head speed: at 0.2, about 2 degrees.
_DEVIATIONS = np.array([2.5, 4.0, 2.5, 0.0, 0.0, 0.0])
_WIDEST = 2.0  # standard deviations


@dataclass
class PostureState:
    """Generator, frames until the next shift, and the posture (6,) for each rad/s of head speed."""

    rng: np.random.Generator
    frames_to_next: int
    posture: NDArray[np.float64] = field(default_factory=lambda: np.zeros(NUM_HEAD))


def initial_posture_state(seed: int) -> PostureState:
    """Return the state of a head that is still turned as in its portrait."""
    rng = np.random.default_rng((seed, _STREAM))
    return PostureState(rng, _interval_frames(rng))


def next_postures(state: PostureState, count: int) -> NDArray[np.float32]:
    """Say where the next `count` frames' heads are turned to (count, 6), see PostureState."""
    postures = []
    for _ in range(count):
        if state.frames_to_next == 0:
            drawn = np.clip(state.rng.standard_normal(NUM_HEAD), -_WIDEST, _WIDEST)
            state.posture = drawn * _DEVIATIONS
            state.frames_to_next = _interval_frames(state.rng)
        state.frames_to_next -= 1
        postures.append(state.posture)
    return np.asarray(postures, np.float32)


def _interval_frames(rng: np.random.Generator) -> int:
    interval_s = draw_interval_s(rng, MEAN_INTERVAL_S, MIN_INTERVAL_S, _SPREAD)
    return max(1, round(interval_s * FPS))
