"""How far a head goes: the denoiser says where it wants to be, a spring how it gets there.

The denoiser draws every hop anew, and what differs from draw to draw is seen as trembling: so a
head follows by `model/motion/spring.py`. What the few steps and the spring take away from the
movement that a speed asks for is given back as reach.
"""

import torch
from torch import Tensor

# Stiffness of the head's spring, 1/s.
STIFFNESS = 10.0
# By how much a head reaches farther for each rad/s asked for, in s/rad: it then moves at 0.16 rad/s
# where 0.2 are asked for, and at 0.34 where it is 0.4 (`benchmarks.quality.head`).
REACH = 9.0
# Beyond it a warp tears. In coefficients, whose unit is a standard deviation of people's heads.
FARTHEST = 5.0


def reach(wanted: Tensor, posture: Tensor, speed: Tensor) -> Tensor:
    """Turn `wanted` farther from rest as `speed` asks, and to the posture, within FARTHEST.

    wanted: (B, n, 6). posture: (B, n, 6) for each rad/s. speed: (B,) in rad/s.
    """
    speed = speed[:, None, None]
    return FARTHEST * torch.tanh(((1 + REACH * speed) * wanted + speed * posture) / FARTHEST)
