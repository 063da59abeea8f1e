"""Brows that rise and fall, more while somebody talks than while they listen.

What the denoiser draws of them moves half as far as people's: no sound tells when a brow goes up,
and its mean hardly moves. So they go to another height now and then, sized on the filmed people of
the `train` split (`python -m benchmarks.quality.brows DATA RUNS --split train`).
"""

from dataclasses import dataclass

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
from model.motion.spring import SpringState, follow, initial_spring_state

INTERVALS = Intervals(mean_s=0.45, least_s=0.16, spread=0.8)
# Of the first coefficient of the brows, which is both of them down by 1 % of the face's width.
_DEVIATION = 0.6
_STIFFNESS = 26.0
# How far they go in silence, by eye: the clips have hardly any.
_LISTENING = 0.3


@dataclass
class BrowState:
    """The height that brows go to, and where they are on their way."""

    height: HeldState
    spring: SpringState


def initial_brow_state(seed: int) -> BrowState:
    """Return the state of brows that are still as in their portrait."""
    return BrowState(initial_held_state(seed, Stream.BROWS, INTERVALS, 1), initial_spring_state(1))


def next_brows(state: BrowState, speech: Tensor) -> Tensor:
    """Say how far the next frames' brows are down (n,), in motion coefficients.

    speech: (n,) from 0, nobody talks, to 1.
    """
    heights = torch.from_numpy(next_held(state.height, len(speech), INTERVALS, _draw))
    heights *= (_LISTENING + (1 - _LISTENING) * speech)[:, None]
    return follow(state.spring, heights, _STIFFNESS)[:, 0]


def _draw(rng: np.random.Generator) -> NDArray[np.float64]:
    return bounded_normal(rng, 1) * _DEVIATION
