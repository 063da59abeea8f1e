"""The session's sound: written where its pts says, silence wherever nothing arrived."""

import numpy as np
from numpy.typing import NDArray

from streaming.rates import VOICE_RATE, ms_to_samples
from streaming.resample import VoiceResampler, voice_samples

FADE_SAMPLES = ms_to_samples(5)
SNAP_SAMPLES = ms_to_samples(1)
"""A packet this close to the end of the last one follows it: its pts was rounded on the way."""


def to_mono(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the mean of the channels of `pcm` (samples, channels), (samples,).

    Raises ValueError for another shape or type, and for no samples.
    """
    if pcm.dtype != np.int16 or pcm.ndim != 2 or pcm.size == 0:
        raise ValueError(
            f"audio is {pcm.dtype} {pcm.shape}, expected int16 (samples, channels): convert it"
        )
    if pcm.shape[1] == 1:
        return pcm[:, 0]
    mixed: NDArray[np.int16] = np.rint(pcm.mean(axis=1, dtype=np.float64)).astype(np.int16)
    return mixed


class Microphone:
    """The last second or so of 48 kHz mono sound, addressed by position.

    Both readers, the voice and the model, read the same samples from here. Loss, gaps and
    reordering need no cases of their own: a sample is silence until something is written on it.
    Bounded: what lies more than `capacity_samples` behind the newest sample is forgotten.
    """

    def __init__(self, capacity_samples: int) -> None:
        self.late_samples = 0
        self._capacity = capacity_samples
        self._first: int | None = None
        self._start = 0
        self._base = 0
        # Twice the capacity, so that the kept part moves to the front only once in a while.
        self._pcm = np.zeros(2 * capacity_samples, np.int16)
        self._heard = np.zeros(2 * capacity_samples, np.bool_)
        self._resampler: VoiceResampler | None = None
        self._run_start = 0
        self._run_samples = 0
        self._resampled_end = 0

    def push(
        self, pcm: NDArray[np.int16], sample_rate: int, position: int, played_until: int
    ) -> None:
        """Write mono `pcm` (samples,) from `position`.

        What lies before `played_until` has been played as silence already: it is dropped and
        counted in `late_samples`.
        """
        if sample_rate == VOICE_RATE:
            self._write(pcm, position, played_until)
            return
        run_end = self._run_start + voice_samples(self._run_samples, sample_rate)
        follows = abs(position - run_end) <= SNAP_SAMPLES
        if self._resampler is None or self._resampler.sample_rate != sample_rate or not follows:
            self._end_run(played_until)
            self._resampler = VoiceResampler(sample_rate)
            self._run_start = self._resampled_end = position
            self._run_samples = 0
        self._write_resampled(self._resampler.resample(pcm), played_until)
        self._run_samples += len(pcm)

    def read(self, position: int, samples: int) -> NDArray[np.int16]:
        """Return the sound from `position` on, (samples,), silence where nothing was heard."""
        pcm = np.zeros(samples, np.int16)
        wanted, kept = self._overlap(position, samples)
        pcm[wanted] = self._pcm[kept]
        return pcm

    def voice(self, position: int, samples: int) -> NDArray[np.int16]:
        """Return the same to be played: faded over 5 ms beside what has not arrived.

        Sound that is cut clicks. What comes before the first sound is not missing.
        """
        pcm = self.read(position, samples)
        if self._first is None:
            return pcm
        heard = self.heard(position - FADE_SAMPLES, samples + 2 * FADE_SAMPLES)
        heard[: max(0, self._first - position + FADE_SAMPLES)] = True
        if heard.all():
            return pcm
        places = np.arange(len(heard))
        before = np.maximum.accumulate(np.where(heard, -len(heard), places))
        after = np.minimum.accumulate(np.where(heard, 2 * len(heard), places)[::-1])[::-1]
        gain = np.minimum(places - before, after - places)[FADE_SAMPLES:-FADE_SAMPLES]
        return np.rint(pcm * np.minimum(gain / FADE_SAMPLES, 1)).astype(np.int16)

    def heard(self, position: int, samples: int) -> NDArray[np.bool_]:
        """Return which samples from `position` on have arrived, (samples,)."""
        heard = np.zeros(samples, np.bool_)
        wanted, kept = self._overlap(position, samples)
        heard[wanted] = self._heard[kept]
        return heard

    def hush(self, position: int) -> None:
        """Fade out from `position` on within 5 ms: what was heard after it is silence."""
        kept = self._pcm[max(position, self._start) - self._base :]
        fade = min(FADE_SAMPLES, len(kept))
        kept[:fade] = kept[:fade] * np.linspace(1, 0, fade)
        kept[fade:] = 0
        self._resampler = None

    def forget(self, before: int) -> None:
        """Make room: nothing before the position `before` is read or written any more."""
        self._start = max(self._start, before)

    def _end_run(self, played_until: int) -> None:
        """Write what is still inside the resampler, unless its time is over."""
        if self._resampler is not None and self._resampled_end >= played_until:
            self._write_resampled(self._resampler.drain(), played_until)

    def _write_resampled(self, pcm: NDArray[np.int16], played_until: int) -> None:
        self._write(pcm, self._resampled_end, played_until)
        self._resampled_end += len(pcm)

    def _write(self, pcm: NDArray[np.int16], position: int, played_until: int) -> None:
        end = position + len(pcm)
        self._make_room(end)
        self._first = position if self._first is None else min(self._first, position)
        first = min(max(position, played_until, self._start), end)
        self.late_samples += first - position
        self._pcm[first - self._base : end - self._base] = pcm[first - position :]
        self._heard[first - self._base : end - self._base] = True

    def _make_room(self, end: int) -> None:
        """Forget what is too old, and move the rest to the front if `end` does not fit."""
        self.forget(end - self._capacity)
        if end - self._base <= len(self._pcm):
            return
        for buffer in (self._pcm, self._heard):
            kept = buffer[self._start - self._base :].copy()
            buffer[len(kept) :] = 0
            buffer[: len(kept)] = kept
        self._base = self._start

    def _overlap(self, position: int, samples: int) -> tuple[slice, slice]:
        """Return which of the samples from `position` on are kept, and where they are kept."""
        first = min(max(position, self._start), position + samples)
        end = max(first, min(position + samples, self._base + len(self._pcm)))
        return (
            slice(first - position, end - position),
            slice(first - self._base, end - self._base),
        )
