"""Where eyes look: at the listener, however the head turns, and elsewhere now and then.

What the denoiser draws of the gaze hardly moves: its mean is a stare. As people's do, eyes turn
against the head, and jump from one fixation to the next (vestibulo-ocular reflex, saccades: Leigh
and Zee, "The Neurology of Eye Movements"); how far is measured on the filmed people of the `train`
split. Like blinks and shifts of the head, fixations are driven, not sampled.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.motion.renewal import (
    HeldState,
    Intervals,
    Stream,
    bounded_normal,
    initial_held_state,
    next_held,
)
from model.motion.space import NUM_GAZE

INTERVALS = Intervals(mean_s=0.5, least_s=0.2, spread=0.7)
# In motion coefficients, to the right and down: standard deviations of fixations near the listener,
# about a degree, and of those elsewhere, about five; how many are elsewhere.
_NEAR, _ELSEWHERE = np.array([0.45, 0.3]), np.array([1.95, 1.05])
_ELSEWHERE_SHARE = 0.25
# How far eyes turn for each coefficient of the head's nodding, turning and tilting. With the little
# that the denoiser does itself, people's 0.26 of an eye's width a radian aside and 0.17 down.
_AGAINST_HEAD = torch.tensor([[0.0, 0.6, 0.0], [-0.38, 0.0, 0.0]])


def initial_gaze_state(seed: int) -> HeldState:
    """Return the state of eyes that still look as in their portrait."""
    return initial_held_state(seed, Stream.GAZE, INTERVALS, NUM_GAZE)


def next_fixations(state: HeldState, count: int) -> NDArray[np.float32]:
    """Say where the eyes of the next `count` frames look (count, 2), the head aside."""
    return next_held(state, count, INTERVALS, _draw)


def _draw(rng: np.random.Generator) -> NDArray[np.float64]:
    spread = _ELSEWHERE if rng.random() < _ELSEWHERE_SHARE else _NEAR
    return np.asarray(bounded_normal(rng, NUM_GAZE) * spread)


def counter_rotation(head: Tensor) -> Tensor:
    """How far eyes turn (..., 2) to look at the same place when the head is at (..., 6)."""
    return head[..., :3] @ _AGAINST_HEAD.T
