"""Few-step sampling of the motion denoiser by flow matching.

Lipman et al. 2023, arXiv:2210.02747, with the linear path x_sigma = (1 - sigma) x_0 + sigma noise.
Euler steps of dx/dsigma = (x - denoised) / sigma; `diffusers.FlowMatchEulerDiscreteScheduler` is
the reference that the tests compare with (importing it at run time would double the time to start).
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

# Steps crowd at high noise: that is where most is decided, the rest is polish.
_SHIFT = 1.5


def sigma_schedule(num_steps: int) -> list[float]:
    """Noise levels from 1 down to 0, `num_steps` + 1 of them.

    The shifted schedule of Esser et al. 2024 (arXiv:2403.03206), section 5.3.2.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps is {num_steps}, expected at least 1")
    levels = [1 - i / num_steps for i in range(num_steps + 1)]
    return [_SHIFT * s / (1 + (_SHIFT - 1) * s) for s in levels]


def euler_flow_sampler(
    denoise: Callable[[Tensor, float], Tensor], noise: Tensor, num_steps: int
) -> Tensor:
    """Carry `noise` (B, H, M) to clean motion by `num_steps` calls of `denoise(noisy, sigma)`."""
    sigmas = sigma_schedule(num_steps)
    x = noise
    for sigma, sigma_next in itertools.pairwise(sigmas):
        velocity = (x - denoise(x, sigma)) / sigma
        x = x + (sigma_next - sigma) * velocity
    return torch.as_tensor(x)
