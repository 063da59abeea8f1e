"""A head shifts every few seconds, by a few degrees, in each session differently."""

import numpy as np

from model.motion.posture import INTERVALS, initial_posture_state, next_postures
from model.rates import FPS

MINUTES = 30


def test_it_begins_as_in_the_portrait_and_shifts_now_and_then() -> None:
    postures = next_postures(initial_posture_state(5), MINUTES * 60 * FPS)
    assert not postures[: FPS // 2].any()
    shifts = np.flatnonzero(np.abs(np.diff(postures, axis=0)).sum(axis=1))
    assert abs(MINUTES * 60 / len(shifts) - INTERVALS.mean_s) < 0.2
    assert np.diff(shifts).max() < 20 * FPS


def test_it_turns_evenly_to_both_sides_within_bounds_and_never_moves_away() -> None:
    postures = next_postures(initial_posture_state(5), MINUTES * 60 * FPS)
    turned = postures[:, :3]
    assert (np.abs(turned.mean(axis=0)) < 0.15 * turned.std(axis=0)).all()
    assert (np.abs(turned).max(axis=0) <= 2.5 * turned.std(axis=0)).all()
    assert not postures[:, 3:].any()
