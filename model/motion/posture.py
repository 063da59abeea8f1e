"""Where a head that talks is turned to for a while: a renewal process of the session's own.

What the denoiser turns it by follows the sound, in all sessions nearly alike. People also shift,
every few seconds, to where no sound tells.
"""

import numpy as np
from numpy.typing import NDArray

from model.motion.renewal import (
    HeldState,
    Intervals,
    Stream,
    bounded_normal,
    initial_held_state,
    next_held,
)
from model.motion.space import NUM_HEAD

INTERVALS = Intervals(mean_s=2.2, least_s=0.6, spread=0.5)
# Standard deviation of each of the head's coefficients (nodding, turning, tilting; no translation),
# for each rad/s of head speed: at 0.2, about 2 degrees.
_DEVIATIONS = np.array([2.5, 4.0, 2.5, 0.0, 0.0, 0.0])


def initial_posture_state(seed: int) -> HeldState:
    """Return the state of a head that is still turned as in its portrait."""
    return initial_held_state(seed, Stream.POSTURE, INTERVALS, NUM_HEAD)


def next_postures(state: HeldState, count: int) -> NDArray[np.float32]:
    """Say where the next `count` frames' heads are turned to (count, 6), for each rad/s."""
    return next_held(state, count, INTERVALS, _draw)


def _draw(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(bounded_normal(rng, NUM_HEAD) * _DEVIATIONS)
