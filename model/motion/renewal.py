"""What happens now and then, and stays until it happens again: renewal processes, frame by frame.

Blinks, shifts of the head, fixations and brows are driven by them, and not sampled by the denoiser:
no sound tells them, and its mean over them is a face that keeps still.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.rates import FPS

WIDEST = 2.0


class Stream(enum.IntEnum):
    """What a session's seed drives: each draws numbers of its own."""

    POSTURE = 1
    GAZE = 2
    BROWS = 3


@dataclass(frozen=True)
class Intervals:
    """Seconds between two events: `least_s`, and a log-normal time with that `spread`.

    spread: standard deviation of the logarithm. The intervals' mean is `mean_s`.
    """

    mean_s: float
    least_s: float
    spread: float

    def draw_frames(self, rng: np.random.Generator) -> int:
        """Draw the frames until the next event, one at least."""
        median_s = (self.mean_s - self.least_s) / float(np.exp(self.spread**2 / 2))
        interval_s = self.least_s + median_s * float(np.exp(self.spread * rng.standard_normal()))
        return max(1, round(interval_s * FPS))


@dataclass
class HeldState:
    """Generator, frames until the next event, and the value (n,) that is held until then."""

    rng: np.random.Generator
    frames_to_next: int
    value: NDArray[np.float64]


def initial_held_state(seed: int, stream: Stream, intervals: Intervals, size: int) -> HeldState:
    """Begin at zero, as in the portrait."""
    rng = np.random.default_rng((seed, stream))
    return HeldState(rng, intervals.draw_frames(rng), np.zeros(size))


def next_held(
    state: HeldState,
    count: int,
    intervals: Intervals,
    draw: Callable[[np.random.Generator], NDArray[np.float64]],
) -> NDArray[np.float32]:
    """Say what is held in the next `count` frames (count, n); each event draws a new value."""
    values = []
    for _ in range(count):
        if state.frames_to_next == 0:
            state.value = draw(state.rng)
            state.frames_to_next = intervals.draw_frames(state.rng)
        state.frames_to_next -= 1
        values.append(state.value)
    return np.asarray(values, np.float32)


def bounded_normal(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Draw `size` normal numbers, none farther from 0 than WIDEST standard deviations."""
    return np.clip(rng.standard_normal(size), -WIDEST, WIDEST)
