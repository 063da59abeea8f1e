"""Classifier-free guidance: how much more the sound counts than the past alone.

Ho and Salimans 2022, arXiv:2207.12598. Without sound, the denoiser gets zeros for features.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from model.motion.denoiser import MotionDenoiser

Denoise = Callable[[Tensor, float | Tensor], Tensor]


def guided(
    denoiser: MotionDenoiser,
    motion_frames: Tensor,
    audio_features: Tensor,
    head_speed: Tensor,
    guidance_scale: float,
) -> Denoise:
    """Bind a denoiser to its conditions: the result denoises (B, H, M) at one or (B,) sigmas.

    See `MotionDenoiser` for the conditions. With a `guidance_scale` other than 1, every call is two
    evaluations, as one batch.
    """
    if guidance_scale == 1:
        memory = denoiser.remember(motion_frames, audio_features)

        def denoise(noisy: Tensor, sigma: float | Tensor) -> Tensor:
            levels = torch.as_tensor(sigma).expand(noisy.shape[0])
            out: Tensor = denoiser(noisy, levels, memory, audio_features, head_speed)
            return out

        return denoise

    def twice(condition: Tensor) -> Tensor:
        return torch.cat([condition, condition])

    heard = torch.cat([audio_features, torch.zeros_like(audio_features)])
    both = guided(denoiser, twice(motion_frames), heard, twice(head_speed), 1)

    def denoise_guided(noisy: Tensor, sigma: float | Tensor) -> Tensor:
        batch = noisy.shape[0]
        levels = torch.as_tensor(sigma).expand(batch)
        evaluated = both(twice(noisy), twice(levels))
        return torch.lerp(evaluated[batch:], evaluated[:batch], guidance_scale)

    return denoise_guided
