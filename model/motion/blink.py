"""When eyes blink, and how: lids fall fast, and rise ever slower.

Blinks are driven, not sampled by the denoiser: their rate would be whatever its training clips had.
A renewal process says when, 15 times a minute: Bentivoglio et al. 1997, "Analysis of blink rate
patterns in normal subjects", found 17 at rest. The curve is that of the filmed people of the
`train` split: shut within 80 ms of its beginning, half open 80 ms after that, and then, as in
VanderWerf et al. 2003, "Eyelid movements", open by less and less. No two last alike, and not all
shut the eye.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.motion.renewal import Intervals, bounded_normal
from model.rates import FPS, FRAME_MS

# People blink in bouts: a log-normal's spread, not a clock's.
INTERVALS = Intervals(mean_s=4.0, least_s=1.2, spread=0.6)
_FALL_MS, _SHUT_MS = 75.0, 30.0
# Of the time in which what is left to open falls to a third: median, and spread of the logarithm.
_RISE_MS, _RISE_SPREAD = 100.0, 0.22
_FULL, _PARTIAL = (0.95, 1.0), (0.75, 0.95)
_PARTIAL_SHARE = 0.15


@dataclass(frozen=True)
class Blink:
    """One blink: how deep it is, 0..1, and the time in which lids rise by two thirds."""

    depth: float
    rise_ms: float

    def closure(self, time_ms: float) -> float:
        """How far lids are down, 0 open to 1 shut, so long after its beginning."""
        if time_ms <= 0:
            return 0.0
        if time_ms < _FALL_MS:
            return self.depth * (0.5 - 0.5 * math.cos(math.pi * time_ms / _FALL_MS))
        open_ms = max(time_ms - _FALL_MS - _SHUT_MS, 0.0)
        return self.depth * math.exp(-open_ms / self.rise_ms)


@dataclass
class BlinkState:
    """Generator, the blink there was last, the time since, and the frames until the next one."""

    rng: np.random.Generator
    frames_to_next: int
    blink: Blink
    time_ms: float


def initial_blink_state(seed: int) -> BlinkState:
    """Return a state whose first blink comes within the first interval."""
    rng = np.random.default_rng(seed)
    frames = int(rng.uniform(1.0, INTERVALS.mean_s) * FPS)
    return BlinkState(rng, frames, Blink(0.0, _RISE_MS), 0.0)


def next_closures(state: BlinkState, count: int) -> NDArray[np.float32]:
    """Say how far the lids are down in each of the next `count` frames (count,), 0 to 1."""
    closures = []
    for _ in range(count):
        state.time_ms += FRAME_MS
        if state.frames_to_next <= 0:
            state.blink = _draw(state.rng)
            # It begins between two frames.
            state.time_ms = state.rng.uniform(0, FRAME_MS)
            state.frames_to_next = INTERVALS.draw_frames(state.rng)
        state.frames_to_next -= 1
        closures.append(state.blink.closure(state.time_ms))
    return np.asarray(closures, np.float32)


def _draw(rng: np.random.Generator) -> Blink:
    depths = _PARTIAL if rng.random() < _PARTIAL_SHARE else _FULL
    rise_ms = _RISE_MS * math.exp(_RISE_SPREAD * float(bounded_normal(rng, 1)[0]))
    return Blink(float(rng.uniform(*depths)), rise_ms)
