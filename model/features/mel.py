"""Causal log-mel spectrogram of 16 kHz sound, 100 frames a second."""

import torch
from torch import Tensor, nn
from transformers.audio_utils import mel_filter_bank

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


class LogMel(nn.Module):
    """Windows that end with the newest sample; nothing of the future is used.

    Args:
        num_mels: bands between 20 Hz and 8 kHz, on Slaney's scale with Slaney's normalization.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, num_mels: int = 80) -> None:
        super().__init__()
        filters = mel_filter_bank(
            num_frequency_bins=WINDOW_SAMPLES // 2 + 1,
            num_mel_filters=num_mels,
            min_frequency=20.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES), persistent=False)
        self.register_buffer(
            "filters", torch.from_numpy(filters).to(torch.float32), persistent=False
        )

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
        windows = heard.unfold(1, WINDOW_SAMPLES, HOP_SAMPLES) * self.window
        power = torch.fft.rfft(windows).abs().square()
        log_power = (power @ self.filters).clamp(min=_FLOOR).log()
        return (log_power - _LOG_CENTER) / _LOG_SCALE, heard[:, -TAIL_SAMPLES:]
