"""Which moments of two readings of one sentence correspond."""

import numpy as np
from numpy.typing import NDArray

from model.rates import FPS
from model.train.encoder_phones import PhoneSpan

# Two readings of a sentence correspond only if neither takes more than this many times as long.
_MAX_STRETCH = 3.0


def anchors(
    real: list[list[PhoneSpan]], other: list[list[PhoneSpan]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Moments of both readings that correspond, (N,) seconds each and rising.

    Words that both readings pronounce alike correspond phone by phone, others at their ends;
    silences are left out. None if the readings have other words, or one is stretched too much.
    """
    spoken = [[word for word in reading if any(span.phones for span in word)]
              for reading in (real, other)]  # fmt: skip
    if len(spoken[0]) != len(spoken[1]):
        return None
    pairs: list[tuple[float, float]] = []
    for word, copy in zip(*spoken, strict=True):
        alike = [span.phones for span in word] == [span.phones for span in copy]
        if alike:
            pairs += [(a.start_s, b.start_s) for a, b in zip(word, copy, strict=True)]
        else:
            pairs.append((word[0].start_s, copy[0].start_s))
        pairs.append((word[-1].end_s, copy[-1].end_s))
    first, second = np.array(pairs).T
    rising = np.concatenate([[True], (np.diff(first) > 0) & (np.diff(second) > 0)])
    first, second = first[rising], second[rising]
    if (np.diff(first) <= 0).any() or (np.diff(second) <= 0).any():
        return None
    length = (second[-1] - second[0]) / (first[-1] - first[0])
    return (first, second) if 1 / _MAX_STRETCH < length < _MAX_STRETCH else None


def frame_times(
    frames: int, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """When the other reading says what the real one says at each video frame, (frames,) seconds.

    Before the first and after the last anchor both run at the same pace.
    """
    times = np.arange(frames) / FPS
    inside = np.interp(times, first, second)
    before, after = times < first[0], times > first[-1]
    inside[before] = times[before] - first[0] + second[0]
    inside[after] = times[after] - first[-1] + second[-1]
    return np.asarray(np.maximum(inside, 0.0), np.float64)
