"""Blinks come at a person's rate, fall fast, rise ever slower, and last as long as a person's."""

import itertools

import numpy as np
from numpy.typing import NDArray

from model.motion.blink import Blink, initial_blink_state, next_closures
from model.rates import FPS, FRAME_MS

MINUTES = 60
BEGUN, CLOSED = 0.2, 0.5


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First frame of every run of flags, and the first one after it."""
    steps = np.diff(np.pad(flags.astype(int), 1))
    return list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True))


def test_rate_depth_and_length_over_an_hour() -> None:
    closures = next_closures(initial_blink_state(7), MINUTES * 60 * FPS)
    blinks = runs(closures > BEGUN)
    assert 10 <= len(blinks) / MINUTES <= 20
    durations_ms = {(end - start) * FRAME_MS for start, end in blinks}
    assert min(durations_ms) >= 150
    assert max(durations_ms) <= 400
    assert len(durations_ms) >= 4
    depths = np.array([closures[start:end].max() for start, end in blinks])
    assert depths.min() > CLOSED
    assert 0.05 < (depths < 0.9).mean() < 0.3
    pauses_s = [(b - a) / FPS for (_, a), (b, _) in itertools.pairwise(blinks)]
    assert min(pauses_s) > 0.5
    assert max(pauses_s) < 60


def test_lids_fall_faster_than_they_rise_and_never_jump_open() -> None:
    blink = Blink(depth=1.0, rise_ms=90.0)
    curve = np.array([blink.closure(time_ms) for time_ms in np.arange(0, 800, 5.0)])
    deepest = int(curve.argmax())
    assert (np.diff(curve[: deepest + 1]) >= 0).all()
    assert (np.diff(curve[deepest:]) <= 0).all()
    rising = curve[curve.argmax() :]
    assert (rising > CLOSED).sum() > (curve[:deepest] > CLOSED).sum()
    assert curve[0] == 0.0
    assert curve[-1] < 0.01
    assert np.abs(np.diff(curve)).max() < 0.15


def test_same_whatever_the_chunks() -> None:
    whole = next_closures(initial_blink_state(3), 1000)
    state = initial_blink_state(3)
    parts = [next_closures(state, 2) for _ in range(500)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
