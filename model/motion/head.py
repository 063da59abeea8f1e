"""A head that has weight: the denoiser says where it wants to be, inertia how it gets there.

The denoiser draws every hop anew, and what differs from draw to draw is seen as trembling. A head
follows like a critically damped spring: no overshoot, no step in its speed. What the few steps and
the spring take away from the movement that a speed asks for is given back as reach.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.rates import FPS

# In 1/s. Follows within 2 / STIFFNESS seconds; what is faster than STIFFNESS / 2 pi Hz is damped.
STIFFNESS = 10.0
# By how much a head reaches farther for each rad/s asked for, in s/rad: it then moves at 0.16 rad/s
# where 0.2 are asked for, and at 0.24 where it is 0.4 (`benchmarks.quality.head`).
REACH = 9.0
# Beyond it a warp tears. In coefficients, whose unit is a standard deviation of people's heads.
FARTHEST = 5.0


@dataclass
class HeadState:
    """Where the head is and how fast it moves a second, (6,) each, in motion coefficients."""

    place: Tensor
    velocity: Tensor


def initial_head_state(size: int) -> HeadState:
    """A head at rest in the portrait's place."""
    return HeadState(torch.zeros(size), torch.zeros(size))


def reach(wanted: Tensor, posture: Tensor, speed: Tensor) -> Tensor:
    """Turn `wanted` farther from rest as `speed` asks, and to the posture, within FARTHEST.

    wanted: (B, n, 6). posture: (B, n, 6) for each rad/s. speed: (B,) in rad/s.
    """
    speed = speed[:, None, None]
    return FARTHEST * torch.tanh(((1 + REACH * speed) * wanted + speed * posture) / FARTHEST)


def follow(state: HeadState, wanted: Tensor) -> Tensor:
    """Advance `state` by a frame for each row of `wanted` (n, 6); return where the head is (n, 6).

    The exact solution of x'' = w^2 (wanted - x) - 2 w x' over each frame, `wanted` held.
    """
    step_s = 1 / FPS
    decay = math.exp(-STIFFNESS * step_s)
    places = []
    for target in wanted:
        away = state.place - target
        rate = state.velocity + STIFFNESS * away
        state.place = target + (away + rate * step_s) * decay
        state.velocity = (state.velocity - STIFFNESS * rate * step_s) * decay
        places.append(state.place)
    return torch.stack(places)
