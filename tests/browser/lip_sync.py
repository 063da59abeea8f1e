"""When did the sound start, and when did the mouth open? Analysis of a Recording."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.browser.recording import Array, Recording, Sound

# A start, of sound or of movement, is where it passes this share of its own peak.
ONSET_SHARE = 0.25
# A word's sound that comes later is no answer to it; below the shortest time between two words.
LONGEST_LATENCY_MS = 1400.0
_AUDIBLE = 0.02
_QUIET_BEFORE_MS = 500.0
_BURST_MS = 400.0
_BEFORE_MS = 450.0  # the mouth at rest is looked at from here ...
_REST_UNTIL_MS = 150.0  # ... to here before the sound starts
_MOVES_UNTIL_MS = 450.0
_HEAD_REACH_PX = 4
# The mouth's peak must stand out from its resting movement by this factor to be an opening.
_STANDS_OUT = 2.0


@dataclass(frozen=True)
class Burst:
    """One word: when it entered the microphone, left the remote stream, and opened the mouth.

    `mouth_ms` is None where the drawn mouth did not stand out from its rest.
    """

    microphone_ms: float
    remote_ms: float
    mouth_ms: float | None

    @property
    def latency_ms(self) -> float:
        """Sound in to sound out."""
        return self.remote_ms - self.microphone_ms

    @property
    def skew_ms(self) -> float | None:
        """Picture minus sound: positive = picture late."""
        return None if self.mouth_ms is None else self.mouth_ms - self.remote_ms


def sound_onsets_ms(sound: Sound) -> list[float]:
    """Return the start of every burst that follows half a second of silence."""
    audible = np.flatnonzero(sound.rms > _AUDIBLE)
    if not audible.size:
        return []
    times = sound.times_ms
    gaps_ms = np.diff(times[audible], prepend=-np.inf)
    starts = audible[gaps_ms > _QUIET_BEFORE_MS]
    onsets: list[float] = []
    for start in starts:
        if times[start] - times[0] < _QUIET_BEFORE_MS:
            continue  # it may have begun before the recording did
        end = int(np.searchsorted(times, times[start] + _BURST_MS))
        peak = sound.rms[start:end].max()
        found = _crossing(times[start - 1 : end], sound.rms[start - 1 : end], ONSET_SHARE * peak)
        if found is not None:
            onsets.append(found)
    return onsets


def mouth_movement(mouths: NDArray[np.uint8], rest: NDArray[np.bool_]) -> Array:
    """Return how far each picture is from the mouth at rest, (F,): mean grey levels.

    `mouths` (F, H, W); `rest` (F,) which of them show the mouth at rest; the last of these is what
    all are compared with. A head moves at rest, too: each picture is first shifted to where it fits
    best.
    """
    pictures = mouths.astype(np.float64)
    height, width = pictures.shape[1:]
    reach = range(-_HEAD_REACH_PX, _HEAD_REACH_PX + 1)
    inner = (
        slice(_HEAD_REACH_PX, height - _HEAD_REACH_PX),
        slice(_HEAD_REACH_PX, width - _HEAD_REACH_PX),
    )
    still = pictures[np.flatnonzero(rest)[-1]][inner]
    differences = [
        np.abs(np.roll(pictures, (down, right), axis=(1, 2))[:, *inner] - still).mean(axis=(1, 2))
        for down in reach
        for right in reach
    ]
    return np.asarray(np.min(differences, axis=0))


def mouth_onset_ms(recording: Recording, sound_ms: float) -> float | None:
    """Return when the mouth opened, near the sound that started at `sound_ms`."""
    times = recording.frame_times_ms - sound_ms
    near = (times > -_BEFORE_MS) & (times < _MOVES_UNTIL_MS)
    times = times[near]
    rest = times < -_REST_UNTIL_MS
    if rest.sum() < 3 or (~rest).sum() < 3:
        return None
    movement = mouth_movement(recording.mouths[near], rest)
    floor = movement[rest].max()
    peak = movement[~rest].max()
    if peak < _STANDS_OUT * floor:
        return None
    # From the last resting picture on: the first crossing after it.
    first = int(np.flatnonzero(rest)[-1])
    found = _crossing(times[first:], movement[first:], floor + ONSET_SHARE * (peak - floor))
    return None if found is None else sound_ms + found


@dataclass(frozen=True)
class Words:
    """The words of a call: those whose sound came out, and how many came too late or never."""

    bursts: tuple[Burst, ...]
    unmatched: int

    @property
    def spoken(self) -> int:
        """All that entered the microphone, of those that could come out before the end."""
        return len(self.bursts) + self.unmatched


def pair_words(recording: Recording, *, longest_latency_ms: float = LONGEST_LATENCY_MS) -> Words:
    """Pair every sound of the microphone with the remote sound and the mouth it caused.

    `longest_latency_ms` must be below the shortest time between two words. A word that is spoken
    later than that before the recording's end, and does not come out, is none: it had no time to.
    """
    remote = sound_onsets_ms(recording.remote)
    end_ms = max((float(t[-1]) for t in _clocks(recording) if len(t)), default=0.0)
    bursts: list[Burst] = []
    unmatched = 0
    for heard_ms in sound_onsets_ms(recording.microphone):
        after = [at for at in remote if 0 < at - heard_ms < longest_latency_ms]
        if after:
            bursts.append(Burst(heard_ms, after[0], mouth_onset_ms(recording, after[0])))
        elif heard_ms + longest_latency_ms <= end_ms:
            unmatched += 1
    return Words(tuple(bursts), unmatched)


def _clocks(recording: Recording) -> tuple[Array, ...]:
    # A remote sound that froze says nothing of when the recording ended.
    return recording.microphone.times_ms, recording.remote.times_ms, recording.frame_times_ms


def find_bursts(
    recording: Recording, *, longest_latency_ms: float = LONGEST_LATENCY_MS
) -> list[Burst]:
    """Return those words alone whose sound came out: see `pair_words`."""
    return list(pair_words(recording, longest_latency_ms=longest_latency_ms).bursts)


def skews_ms(bursts: Sequence[Burst]) -> list[float]:
    """Return the skew of every burst whose mouth was seen to open."""
    return [skew for burst in bursts if (skew := burst.skew_ms) is not None]


def _crossing(times: Array, values: Array, level: float) -> float | None:
    """Return when `values` first rise through `level`, between two samples by a straight line."""
    above = np.flatnonzero((values[1:] >= level) & (values[:-1] < level))
    if not above.size:
        return None
    i = int(above[0])
    share = (level - values[i]) / (values[i + 1] - values[i])
    return float(times[i] + share * (times[i + 1] - times[i]))
