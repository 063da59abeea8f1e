"""The session's sound: written where its pts says, and what to read where nothing arrived."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streaming.concealment import CONTEXT_SAMPLES, LONGEST_HOLE_SAMPLES, conceal
from streaming.rates import VOICE_RATE, ms_to_samples
from streaming.resample import VoiceResampler, voice_samples

T = TypeVar("T", np.int16, np.bool_)

_CANCELLED = 0.01
"""Of the power of the louder channel: what of a packet is left where channels cancel each other."""
_AS_LOUD = 0.25
"""Of the same power: each of two that cancel each other so far has more."""
FADE_SAMPLES = ms_to_samples(5)
SNAP_SAMPLES = ms_to_samples(1)
"""A packet this close to the end of the last one follows it: its pts was rounded on the way."""


def to_mono(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the mean of the channels of `pcm` (samples, channels), (samples,).

    Channels that cancel each other, as those of a cable with one side reversed do, have no mean
    that could be heard: then it is the first of the loud ones.

    Raises ValueError for another shape or type, and for no samples.
    """
    if pcm.dtype != np.int16 or pcm.ndim != 2 or pcm.size == 0:
        raise ValueError(
            f"audio is {pcm.dtype} {pcm.shape}, expected int16 (samples, channels): convert it"
        )
    if pcm.shape[1] == 1:
        return pcm[:, 0]
    mean = pcm.mean(axis=1, dtype=np.float64)
    power = np.square(pcm, dtype=np.float64).mean(axis=0)
    if np.square(mean).mean() < _CANCELLED * power.max():
        # Of those about as loud always the same: another could turn the sign of what follows.
        return pcm[:, int((power > _AS_LOUD * power.max()).argmax())]
    mixed: NDArray[np.int16] = np.rint(mean).astype(np.int16)
    return mixed


class Microphone:
    """The last second or so of 48 kHz mono sound, addressed by position.

    Both readers, the voice and the model, read the same samples from here. Loss, gaps and
    reordering need no cases of their own: a sample is silence until something is written on it.
    The first that reads a short hole with sound on both sides conceals it, for both. Bounded: what
    lies more than `capacity_samples` behind the newest sample is forgotten.
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
        self._concealed = np.zeros(2 * capacity_samples, np.bool_)
        self._newest = 0
        # What begins before this stays as it is, hole or concealed: it is being played, or hushed.
        self._settled_until = 0
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
        """Return the sound from `position` on, (samples,): heard, concealed, or else silence."""
        self._conceal(position, samples)
        return self._cut(self._pcm, position, samples)

    def voice(self, position: int, samples: int) -> NDArray[np.int16]:
        """Return the same to be played: faded over 5 ms beside what is neither heard nor concealed.

        Sound that is cut clicks. What comes before the first sound is not missing. A hole that has
        been played as silence, or faded towards, is not concealed any more.
        """
        first, end = position - FADE_SAMPLES, position + samples + FADE_SAMPLES
        self._conceal(first, end - first)
        self._settled_until = max(self._settled_until, end)
        pcm = self._cut(self._pcm, position, samples)
        if self._first is None:
            return pcm
        known = self._known(first, end - first)
        known[: max(0, self._first - first)] = True
        if known.all():
            return pcm
        places = np.arange(len(known))
        before = np.maximum.accumulate(np.where(known, -len(known), places))
        after = np.minimum.accumulate(np.where(known, 2 * len(known), places)[::-1])[::-1]
        gain = np.minimum(places - before, after - places)[FADE_SAMPLES:-FADE_SAMPLES]
        return np.rint(pcm * np.minimum(gain / FADE_SAMPLES, 1)).astype(np.int16)

    def heard(self, position: int, samples: int) -> NDArray[np.bool_]:
        """Return which samples from `position` on have arrived, (samples,)."""
        return self._cut(self._heard, position, samples)

    def concealed(self, position: int, samples: int) -> NDArray[np.bool_]:
        """Return which samples from `position` on are concealed, (samples,)."""
        return self._cut(self._concealed, position, samples)

    def hush(self, position: int) -> None:
        """Fade out from `position` on within 5 ms: what was heard after it is silence."""
        kept = self._pcm[max(position, self._start) - self._base :]
        fade = min(FADE_SAMPLES, len(kept))
        kept[:fade] = kept[:fade] * np.linspace(1, 0, fade)
        kept[fade:] = 0
        self._resampler = None
        # Nothing of what was hushed may come back as the period of a later hole.
        hushed_until = max(position, self._newest) + CONTEXT_SAMPLES
        self._settled_until = max(self._settled_until, hushed_until)

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
        self._newest = max(self._newest, end)
        first = min(max(position, played_until, self._start), end)
        self.late_samples += first - position
        pcm = pcm[first - position :]
        if self.concealed(first, len(pcm)).any():
            pcm = self._in_place_of_concealed(pcm, first)
        place = self._place(first, end)
        self._pcm[place] = pcm
        self._heard[place] = True
        self._concealed[place] = False

    def _conceal(self, position: int, samples: int) -> None:
        """Fill the holes in the `samples` from `position` on, where that can be done."""
        if position >= self._newest or self._known(position, samples).all():
            return
        # A hole that reaches from there out of what is looked at is too long to be filled.
        first = position - LONGEST_HOLE_SAMPLES
        known = self._known(first, samples + 2 * LONGEST_HOLE_SAMPLES)
        edges = first + np.flatnonzero(np.diff(known, prepend=True, append=True))
        for start, end in edges.reshape(-1, 2).tolist():
            if start < position + samples and end > position and self._can_conceal(start, end):
                before = self._pcm[self._place(start - CONTEXT_SAMPLES, start)]
                after = self._pcm[self._place(end, end + CONTEXT_SAMPLES)]
                self._pcm[self._place(start, end)] = conceal(before, after, end - start)
                self._concealed[self._place(start, end)] = True

    def _can_conceal(self, start: int, end: int) -> bool:
        """Whether the hole is short, not settled, and between sounds that are long enough."""
        return bool(
            end - start <= LONGEST_HOLE_SAMPLES
            and start >= self._settled_until
            and self.heard(start - CONTEXT_SAMPLES, CONTEXT_SAMPLES).all()
            and self.heard(end, CONTEXT_SAMPLES).all()
        )

    def _in_place_of_concealed(self, pcm: NDArray[np.int16], position: int) -> NDArray[np.int16]:
        """Return late `pcm` (samples,) as it must be written, from `position` on.

        What it leaves of its hole is a hole again, to be concealed with what is now known. But what
        is being played goes on, and passes into `pcm` over 5 ms.
        """
        end = position + len(pcm)
        before = self.concealed(position - LONGEST_HOLE_SAMPLES, LONGEST_HOLE_SAMPLES)[::-1]
        after = self.concealed(end, LONGEST_HOLE_SAMPLES)
        self._reopen(position - int(np.argmin(np.append(before, False))), position)
        self._reopen(end, end + int(np.argmin(np.append(after, False))))
        if not self.concealed(position - 1, 1).any():
            return pcm
        fade = min(FADE_SAMPLES, len(pcm))
        gain = np.arange(1, fade + 1) / FADE_SAMPLES
        played = self._pcm[self._place(position, position + fade)]
        joined = pcm.copy()
        joined[:fade] = np.rint(gain * pcm[:fade] + (1 - gain) * played)
        return joined

    def _reopen(self, start: int, end: int) -> None:
        """Make a hole again of what is concealed, unless it is settled."""
        if start >= self._settled_until:
            self._pcm[self._place(start, end)] = 0
            self._concealed[self._place(start, end)] = False

    def _make_room(self, end: int) -> None:
        """Forget what is too old, and move the rest to the front if `end` does not fit."""
        self.forget(end - self._capacity)
        if end - self._base <= len(self._pcm):
            return
        for buffer in (self._pcm, self._heard, self._concealed):
            kept = buffer[self._start - self._base :].copy()
            buffer[len(kept) :] = 0
            buffer[: len(kept)] = kept
        self._base = self._start

    def _known(self, position: int, samples: int) -> NDArray[np.bool_]:
        """Return which samples from `position` on are heard or concealed, (samples,)."""
        return self.heard(position, samples) | self.concealed(position, samples)

    def _cut(self, buffer: NDArray[T], position: int, samples: int) -> NDArray[T]:
        """Return what `buffer` has from `position` on, (samples,), 0 where nothing is kept."""
        cut = np.zeros(samples, buffer.dtype)
        wanted, kept = self._overlap(position, samples)
        cut[wanted] = buffer[kept]
        return cut

    def _place(self, start: int, end: int) -> slice:
        """Return where the samples from `start` to `end` are kept; they must be."""
        return slice(start - self._base, end - self._base)

    def _overlap(self, position: int, samples: int) -> tuple[slice, slice]:
        """Return which of the samples from `position` on are kept, and where they are kept."""
        first = min(max(position, self._start), position + samples)
        end = max(first, min(position + samples, self._base + len(self._pcm)))
        return (
            slice(first - position, end - position),
            slice(first - self._base, end - self._base),
        )
