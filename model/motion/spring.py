"""What has weight follows like a critically damped spring: no overshoot, no step in its speed."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.rates import FPS


@dataclass
class SpringState:
    """Where something is and how fast it moves a second, (n,) each, in motion coefficients."""

    place: Tensor
    velocity: Tensor


def initial_spring_state(size: int) -> SpringState:
    """At rest in the portrait's place."""
    return SpringState(torch.zeros(size), torch.zeros(size))


def follow(state: SpringState, wanted: Tensor, stiffness: float) -> Tensor:
    """Advance `state` by a frame for each row of `wanted` (L, n); return where it is (L, n).

    stiffness: in 1/s; it follows within 2 / stiffness seconds, and damps what is faster than
    stiffness / 2 pi Hz. The exact solution of x'' = w^2 (wanted - x) - 2 w x' over each frame,
    `wanted` held.
    """
    step_s = 1 / FPS
    decay = math.exp(-stiffness * step_s)
    places = []
    for target in wanted:
        away = state.place - target
        rate = state.velocity + stiffness * away
        state.place = target + (away + rate * step_s) * decay
        state.velocity = (state.velocity - stiffness * rate * step_s) * decay
        places.append(state.place)
    return torch.stack(places)
