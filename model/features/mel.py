"""Causal log-mel spectrogram of 16 kHz sound, 100 frames a second."""

import math

import torch
from torch import Tensor, nn

from model.rates import SAMPLE_RATE

WINDOW_SAMPLES = 400
"""25 ms."""

HOP_SAMPLES = 160
"""10 ms."""

TAIL_SAMPLES = WINDOW_SAMPLES - HOP_SAMPLES
"""Past samples that the next window needs: the state of a stream."""

# Power of a mel band below the quantization noise of 16-bit sound. The scale and offset bring the
# log of everything from there to full scale into about -2..2.
_FLOOR = 1e-9
_LOG_CENTER, _LOG_SCALE = -10.0, 5.0
# Slaney's scale is linear up to its bend, and logarithmic from there.
_LOWEST_HZ = 20.0
_HZ_PER_MEL, _BEND_HZ = 200 / 3, 1000.0
_BEND_MEL, _LOG_STEP = _BEND_HZ / _HZ_PER_MEL, math.log(6.4) / 27


def mel_filters(num_mels: int) -> Tensor:
    """Triangles of one area over the power spectrum (WINDOW_SAMPLES // 2 + 1, num_mels), float64.

    Slaney, "Auditory Toolbox", 1998. Not by a library: the one that has them takes a second and a
    half to be imported.
    """
    lowest, highest = (_mel_of(hz) for hz in (_LOWEST_HZ, SAMPLE_RATE / 2))
    mels = torch.linspace(lowest, highest, num_mels + 2, dtype=torch.float64)
    bent = _BEND_HZ * torch.exp((mels - _BEND_MEL) * _LOG_STEP)
    corners = torch.where(mels < _BEND_MEL, mels * _HZ_PER_MEL, bent)
    hz = torch.linspace(0, SAMPLE_RATE / 2, WINDOW_SAMPLES // 2 + 1, dtype=torch.float64)[:, None]
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rise, fall = (hz - low) / (middle - low), (high - hz) / (high - middle)
    return torch.minimum(rise, fall).clamp(min=0) * (2 / (high - low))


def _mel_of(hz: float) -> float:
    return hz / _HZ_PER_MEL if hz < _BEND_HZ else _BEND_MEL + math.log(hz / _BEND_HZ) / _LOG_STEP


class LogMel(nn.Module):
    """Windows that end with the newest sample; nothing of the future is used.

    Args:
        num_mels: bands between 20 Hz and 8 kHz, on Slaney's scale with Slaney's normalization.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, num_mels: int = 80) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES), persistent=False)
        self.register_buffer("filters", mel_filters(num_mels).float(), persistent=False)

    def forward(self, samples: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel of the newest samples.

        Args:
            samples: (B, frames * 160), -1..1.
            tail: (B, 240), the samples before them; zeros at the start.

        Returns:
            (B, frames, num_mels), about -2..2; frame i ends with sample (i + 1) * 160; and the
            tail for the next call.
        """
        heard = torch.cat([tail, samples], dim=1)
        windows = heard.unfold(1, WINDOW_SAMPLES, HOP_SAMPLES)
        # Many a sound card's silence is not zero but some other number: the window would smear it
        # into the lowest bands, above all that is whispered. A voice has hardly a mean under the
        # window, unlike between its hard edges, and stays as it is.
        offset = (windows @ self.window) / self.window.sum()
        windows = (windows - offset[..., None]) * self.window
        power = torch.fft.rfft(windows).abs().square()
        log_power = (power @ self.filters).clamp(min=_FLOOR).log()
        return (log_power - _LOG_CENTER) / _LOG_SCALE, heard[:, -TAIL_SAMPLES:]
