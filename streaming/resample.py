"""Sample rates: whatever arrives becomes 48 kHz voice, and voice becomes what the model hears."""

import math

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from model.rates import SAMPLE_RATE
from streaming.rates import VOICE_RATE, VOICE_SAMPLES_PER_HEARD

MIN_INPUT_RATE = 8_000
MAX_INPUT_RATE = 192_000

HEARING_REACH_SAMPLES = 72
"""How far around itself a heard sample reaches, in voice samples: 1.5 ms either way."""

HEARING_STOPBAND_DB = 60.0
"""What would alias is damped by this much from 8.3 kHz; the model's speech ends below 7.1 kHz."""

SWR_REACH_SAMPLES = 16
"""How far FFmpeg's resampler (libswresample, filter_size 32) reaches at the lower rate."""


def _hearing_filter() -> NDArray[np.float32]:
    """Return the low-pass of the decimation, (2 * HEARING_REACH_SAMPLES + 1,), gain 1 at 0 Hz.

    A Kaiser-windowed sinc (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5.3). The
    transition band is centered 300 Hz under the new Nyquist frequency.
    """
    beta = 0.1102 * (HEARING_STOPBAND_DB - 8.7)
    cutoff = (SAMPLE_RATE / 2 - 300) / VOICE_RATE
    n = np.arange(-HEARING_REACH_SAMPLES, HEARING_REACH_SAMPLES + 1)
    taps = 2 * cutoff * np.sinc(2 * cutoff * n) * np.kaiser(len(n), beta)
    unity: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return unity


HEARING_FILTER = _hearing_filter()


def hear(voice: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return what the model hears of `voice`: mono 16 kHz, -1..1.

    `voice` is (3 * N + 2 * HEARING_REACH_SAMPLES,) at 48 kHz, the result (N,). The filter is
    symmetric, so heard sample n lies exactly at voice sample HEARING_REACH_SAMPLES + 3 * n: the
    audio is not late against its pts.
    """
    full = np.convolve(voice.astype(np.float32), HEARING_FILTER, "valid")
    heard: NDArray[np.float32] = full[::VOICE_SAMPLES_PER_HEARD] / np.float32(32768)
    return heard


def lead_in(sample_rate: int) -> int:
    """Return how many samples of silence a session begins with, so that no hop waits for a packet.

    The filters need a little sound after the last sample that they yield. Were the first sample
    heard at position 0, every hop would lack 1.5 ms when its last packet is in, and would wait for
    the next one: 20 ms of latency. So the first sample comes that much later, for voice and
    picture alike.
    """
    if sample_rate == VOICE_RATE:
        return HEARING_REACH_SAMPLES
    lower_rate = min(sample_rate, VOICE_RATE)
    return HEARING_REACH_SAMPLES + math.ceil(SWR_REACH_SAMPLES * VOICE_RATE / lower_rate) + 1


def voice_samples(samples: int, sample_rate: int) -> int:
    """Return how many samples at 48 kHz last as long as `samples` at `sample_rate`, rounded.

    Raises ValueError for a sample rate out of range.
    """
    if not MIN_INPUT_RATE <= sample_rate <= MAX_INPUT_RATE:
        raise ValueError(
            f"audio at {sample_rate} Hz, expected {MIN_INPUT_RATE} to {MAX_INPUT_RATE} Hz: "
            f"resample it to {VOICE_RATE} Hz"
        )
    return round(samples * VOICE_RATE / sample_rate)


class VoiceResampler:
    """Mono int16 at any rate to 48 kHz: the same output for any chunking."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._resampler = AudioResampler(format="s16", layout="mono", rate=VOICE_RATE)

    def resample(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return the 48 kHz samples (M,) that `pcm` (N,) completes; the last 16 stay inside."""
        frame = AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self.sample_rate
        return self._joined(self._resampler.resample(frame))

    def drain(self) -> NDArray[np.int16]:
        """Return what is still inside, (M,). The resampler is used up after it."""
        return self._joined(self._resampler.resample(None))

    @staticmethod
    def _joined(frames: list[AudioFrame]) -> NDArray[np.int16]:
        parts = [frame.to_ndarray()[0].astype(np.int16) for frame in frames]
        return np.concatenate([np.empty(0, np.int16), *parts])
