"""The sampler against its reference, and on a problem whose answer is known."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from model.motion.sampler import euler_flow_sampler, sigma_schedule


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_steps_are_those_of_the_reference_scheduler(num_steps: int) -> None:
    target = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))

    def denoise(noisy: Tensor, sigma: float) -> Tensor:
        return torch.tanh(noisy * sigma) + target

    noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2))
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    scheduler.set_timesteps(sigmas=sigma_schedule(num_steps)[:-1])
    x = noise
    for timestep, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        velocity = (x - denoise(x, float(sigma))) / sigma
        x = scheduler.step(velocity, timestep, x).prev_sample
    torch.testing.assert_close(euler_flow_sampler(denoise, noise, num_steps), x)


@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_a_perfect_denoiser_is_believed(num_steps: int) -> None:
    clean = torch.randn(1, 2, 3)
    sampled = euler_flow_sampler(lambda noisy, sigma: clean, torch.randn(1, 2, 3), num_steps)
    torch.testing.assert_close(sampled, clean)


def test_schedule_falls_from_one_to_zero() -> None:
    sigmas = sigma_schedule(4)
    assert sigmas[0] == 1.0
    assert sigmas[-1] == 0.0
    assert sigmas == sorted(sigmas, reverse=True)


def test_of_two_steps_the_second_begins_at_little_noise() -> None:
    assert sigma_schedule(2) == [1.0, 0.125, 0.0]


def test_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="num_steps is 0, expected at least 1"):
        sigma_schedule(0)
