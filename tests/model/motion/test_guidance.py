"""Guidance moves the estimate away from what the denoiser would say without the sound."""

import pytest
import torch
from torch import Tensor

from model.motion.denoiser import MotionDenoiser
from model.motion.guidance import Denoise, guided


def conditions(denoiser: MotionDenoiser) -> tuple[Tensor, Tensor, Tensor]:
    config = denoiser.config
    generator = torch.Generator().manual_seed(5)
    return (
        torch.randn(3, config.num_motion_frames, config.motion_dim, generator=generator),
        torch.randn(3, config.num_audio_frames, config.feature_dim, generator=generator),
        torch.tensor([0.0, 0.1, 0.2]),
    )


def bound(denoiser: MotionDenoiser, scale: float, *, deaf: bool = False) -> Denoise:
    past, audio, speed = conditions(denoiser)
    return guided(denoiser, past, audio * (not deaf), speed, scale)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.5])
@torch.inference_mode()
def test_the_estimate_lies_on_the_line_through_deaf_and_hearing(
    denoiser: MotionDenoiser, scale: float
) -> None:
    noisy = torch.randn(
        3, 2, denoiser.config.motion_dim, generator=torch.Generator().manual_seed(1)
    )
    hearing = bound(denoiser, 1.0)(noisy, 0.7)
    deaf = bound(denoiser, 1.0, deaf=True)(noisy, 0.7)
    assert not torch.allclose(hearing, deaf)
    expected = deaf + scale * (hearing - deaf)
    torch.testing.assert_close(bound(denoiser, scale)(noisy, 0.7), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_every_window_may_have_its_own_noise_level(denoiser: MotionDenoiser) -> None:
    noisy = torch.randn(
        3, 2, denoiser.config.motion_dim, generator=torch.Generator().manual_seed(1)
    )
    denoise = bound(denoiser, 1.5)
    levels = torch.tensor([0.2, 0.5, 1.0])
    together = denoise(noisy, levels)
    for i, level in enumerate(levels.tolist()):
        torch.testing.assert_close(together[i], denoise(noisy, level)[i], rtol=1e-4, atol=1e-5)
