"""Where eyes look: at the listener, however the head turns, and elsewhere now and then.

What the denoiser draws of the gaze hardly moves: its mean is a stare. As people's do, eyes turn
against the head, and jump from one fixation to the next (vestibulo-ocular reflex, saccades: Leigh
and Zee, "The Neurology of Eye Movements"); how far is measured on the filmed people of the `train`
split. Like blinks and shifts of the head, fixations are driven, not sampled.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.motion.renewal import draw_interval_s
from model.motion.space import NUM_GAZE
from model.rates import FPS

MEAN_INTERVAL_S = 0.8
MIN_INTERVAL_S = 0.2
_SPREAD = 0.8
# Tells its draws from those of other processes of the same seed.
_STREAM = 2
# In motion coefficients, to the right and down: standard deviations of fixations near the listener,
# about a degree, and of those elsewhere, about four; how many are elsewhere; the farthest.
_NEAR, _ELSEWHERE = np.array([0.5, 0.35]), np.array([1.7, 0.95])
_ELSEWHERE_SHARE = 0.3
_WIDEST = 2.0  # standard deviations
# How far eyes turn for each coefficient of the head's nodding, turning and tilting. With the little
# that the denoiser does itself, people's 0.26 of an eye's width a radian aside and 0.17 down.
_AGAINST_HEAD = torch.tensor([[0.0, 0.6, 0.0], [-0.38, 0.0, 0.0]])


@dataclass
class GazeState:
    """Generator, frames until the next saccade, and the fixation (2,), in motion coefficients."""

    rng: np.random.Generator
    frames_to_next: int
    fixation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(NUM_GAZE))


def initial_gaze_state(seed: int) -> GazeState:
    """Return the state of eyes that still look as in their portrait."""
    rng = np.random.default_rng((seed, _STREAM))
    return GazeState(rng, _interval_frames(rng))


def next_fixations(state: GazeState, count: int) -> NDArray[np.float32]:
    """Say where the eyes of the next `count` frames look (count, 2), the head aside."""
    fixations = []
    for _ in range(count):
        if state.frames_to_next == 0:
            elsewhere = state.rng.random() < _ELSEWHERE_SHARE
            drawn = np.clip(state.rng.standard_normal(NUM_GAZE), -_WIDEST, _WIDEST)
            state.fixation = drawn * (_ELSEWHERE if elsewhere else _NEAR)
            state.frames_to_next = _interval_frames(state.rng)
        state.frames_to_next -= 1
        fixations.append(state.fixation)
    return np.asarray(fixations, np.float32)


def against(head: Tensor) -> Tensor:
    """How far eyes turn (..., 2) to look at the same place when the head is at (..., 6)."""
    return head[..., :3] @ _AGAINST_HEAD.T


def _interval_frames(rng: np.random.Generator) -> int:
    interval_s = draw_interval_s(rng, MEAN_INTERVAL_S, MIN_INTERVAL_S, _SPREAD)
    return max(1, round(interval_s * FPS))
