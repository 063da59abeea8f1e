"""Packet loss concealment: a short hole in the sound, filled from what was heard beside it.

Waveform substitution as in ITU-T G.711 Appendix I (1999), which repeats the last pitch period. But
here sound is read long after it came, so that the periods after a hole are known, too: they are
repeated backward, and one passes into the other.
"""

import numpy as np
from numpy.typing import NDArray

from streaming.rates import ms_to_samples

LONGEST_HOLE_SAMPLES = ms_to_samples(60)
"""Three packets. G.711 Appendix I has faded to silence by then: speech has become another sound."""

MIN_LAG_SAMPLES = ms_to_samples(2.5)
MAX_LAG_SAMPLES = ms_to_samples(15)
"""Periods of 400 to 67 Hz. G.711 Appendix I begins at 200 Hz and takes two periods of a child's."""

_WINDOW_SAMPLES = ms_to_samples(5)
"""What is compared with what came a lag before. The sound nearest to a hole is most like it: with
15 ms, voiced holes of 20 ms are 1 dB further from the truth."""

CONTEXT_SAMPLES = MAX_LAG_SAMPLES + _WINDOW_SAMPLES
"""20 ms: what must have been heard on either side."""

_VOICED = 0.6
"""Normalised correlation from which sound has a pitch. Noise would buzz if it were repeated."""


def conceal(before: NDArray[np.int16], after: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Return what may have been between `before` and `after`, (samples,).

    Both are (CONTEXT_SAMPLES,) at 48 kHz. It joins them without a step; silence stays silence.
    """
    forward = _continued(before.astype(np.float64), samples)
    backward = _continued(after[::-1].astype(np.float64), samples)[::-1]
    # Gains that add up to 1 are for what is in phase. Gains of equal power make speech 0.5 dB too
    # loud, where it is 0.4 dB too soft with these, and are further from the truth.
    mixed = forward + _rise(samples) * (backward - forward)
    limits = np.iinfo(np.int16)
    filled: NDArray[np.int16] = np.rint(mixed).clip(limits.min, limits.max).astype(np.int16)
    return filled


def pitch(sound: NDArray[np.float64]) -> tuple[int, float]:
    """Return the lag in samples at which the end of `sound` is most like what came before it.

    And how like it is: normalised correlation, 1 if they differ in loudness only, 0 for silence.
    """
    end = sound[-_WINDOW_SAMPLES:]
    reach = sound[-CONTEXT_SAMPLES:-MIN_LAG_SAMPLES]
    products = np.correlate(reach, end, "valid")
    energies = np.correlate(reach**2, np.ones(_WINDOW_SAMPLES), "valid")
    # Samples are whole numbers: an energy below 1 is 0, and so is what is divided by it.
    likeness = products / np.sqrt(np.maximum(energies * (end @ end), 1))
    best = int(np.argmax(likeness))
    return MAX_LAG_SAMPLES - best, float(likeness[best])


def _continued(sound: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Return how `sound` may go on, (samples,)."""
    lag, likeness = pitch(sound)
    if likeness >= _VOICED:
        return _repeated(sound, lag, samples)
    # Noise that is played backward is new noise, and it begins where the sound ends.
    return np.pad(sound, (0, samples), "reflect")[len(sound) :]


def _repeated(sound: NDArray[np.float64], lag: int, samples: int) -> NDArray[np.float64]:
    """Return the last period of `sound`, `lag` samples long, again and again: (samples,)."""
    quarter = lag // 4
    rise = _rise(quarter)
    period = sound[-lag:].copy()
    # Its last quarter becomes what came before its first sample, so that it can follow itself
    # (G.711 Appendix I).
    period[-quarter:] += rise * (sound[-lag - quarter : -lag] - period[-quarter:])
    repeated = np.resize(period, samples)
    # At first it follows the sound itself, which may end a step away.
    step = sound[-1] - sound[-lag - 1]
    repeated[:quarter] += step * (1 - rise[:samples])
    return repeated


def _rise(samples: int) -> NDArray[np.float64]:
    """Return a raised cosine from 0 to 1, (samples,)."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)
