"""Few-step sampling of the motion denoiser by flow matching.

Lipman et al. 2023, arXiv:2210.02747, with the linear path x_sigma = (1 - sigma) x_0 + sigma noise.
Euler steps of dx/dsigma = (x - denoised) / sigma; `diffusers.FlowMatchEulerDiscreteScheduler` is
the reference that the tests compare with (importing it at run time would double the time to start).
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

# Where the last step begins: of two, the second. Below it the network has hardly learned. Of seven
# such places, tried on filmed people of the `train` split by a script that is not kept, those near
# this one came nearest to many steps (`python -m benchmarks.quality.few_steps` measures this one).
_SIGMA_MIN = 0.125
_RHO = 3


def sigma_schedule(num_steps: int) -> list[float]:
    """Noise levels from 1 down to 0, `num_steps` + 1 of them.

    The schedule of Karras et al. 2022 (arXiv:2206.00364), equation 5, from 1 down.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps is {num_steps}, expected at least 1")
    fall = (1 - _SIGMA_MIN ** (1 / _RHO)) / max(num_steps - 1, 1)
    return [*((1 - i * fall) ** _RHO for i in range(num_steps)), 0.0]


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
