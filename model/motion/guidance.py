"""Classifier-free guidance: how much more the sound counts than the past alone.

Ho and Salimans 2022, arXiv:2207.12598. Without sound, the denoiser gets zeros for features. With a
`guidance_scale` other than 1, every call is two evaluations, as one batch: with sound and without.
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
    blink: Tensor,
    guidance_scale: float,
) -> Denoise:
    """Bind a denoiser to its conditions: the result denoises (B, H, M) at one or (B,) sigmas.

    See `MotionDenoiser` for the conditions.
    """
    memory = remember(denoiser, motion_frames, audio_features, guidance_scale)

    def denoise(noisy: Tensor, sigma: float | Tensor) -> Tensor:
        levels = torch.as_tensor(sigma).expand(noisy.shape[0])
        conditions = (memory, audio_features, head_speed, blink)
        return evaluate(denoiser, noisy, levels, *conditions, guidance_scale)

    return denoise


def remember(
    denoiser: MotionDenoiser, motion_frames: Tensor, audio_features: Tensor, guidance_scale: float
) -> Tensor:
    """What `evaluate` needs of the past, at whatever noise level.

    As `MotionDenoiser.remember` has it, or, guided, (B, 2, layers, N + A, 2W): with sound, without.
    """
    if guidance_scale == 1:
        return denoiser.remember(motion_frames, audio_features)
    memory = denoiser.remember(_twice(motion_frames), _and_silence(audio_features))
    batch = motion_frames.shape[0]
    return torch.stack([memory[:batch], memory[batch:]], dim=1)


def evaluate(
    denoiser: MotionDenoiser,
    noisy: Tensor,
    sigma: Tensor,
    memory: Tensor,
    audio_features: Tensor,
    head_speed: Tensor,
    blink: Tensor,
    guidance_scale: float,
) -> Tensor:
    """Return the guided estimate (B, H, M); `memory` is from `remember`, all else for B windows."""
    if guidance_scale == 1:
        out: Tensor = denoiser(noisy, sigma, memory, audio_features, head_speed, blink)
        return out
    evaluated: Tensor = denoiser(
        _twice(noisy),
        _twice(sigma),
        torch.cat(memory.unbind(dim=1)),
        _and_silence(audio_features),
        _twice(head_speed),
        _twice(blink),
    )
    batch = noisy.shape[0]
    return torch.lerp(evaluated[batch:], evaluated[:batch], guidance_scale)


def _twice(condition: Tensor) -> Tensor:
    return torch.cat([condition, condition])


def _and_silence(audio_features: Tensor) -> Tensor:
    return torch.cat([audio_features, torch.zeros_like(audio_features)])
