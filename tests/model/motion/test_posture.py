"""A head shifts every few seconds, by a few degrees, in each session differently."""

import numpy as np

from model.motion.posture import MEAN_INTERVAL_S, initial_posture_state, next_postures
from model.rates import FPS

MINUTES = 30


def test_it_begins_as_in_the_portrait_and_shifts_now_and_then() -> None:
    postures = next_postures(initial_posture_state(5), MINUTES * 60 * FPS)
    assert not postures[: FPS // 2].any()
    shifts = np.flatnonzero(np.abs(np.diff(postures, axis=0)).sum(axis=1))
    assert abs(MINUTES * 60 / len(shifts) - MEAN_INTERVAL_S) < 0.2
    assert np.diff(shifts).max() < 20 * FPS


def test_it_turns_evenly_to_both_sides_within_bounds_and_never_moves_away() -> None:
    postures = next_postures(initial_posture_state(5), MINUTES * 60 * FPS)
    turned = postures[:, :3]
    assert (np.abs(turned.mean(axis=0)) < 0.15 * turned.std(axis=0)).all()
    assert (np.abs(turned).max(axis=0) <= 2.5 * turned.std(axis=0)).all()
    assert not postures[:, 3:].any()


def test_same_whatever_the_chunks_and_other_for_another_seed() -> None:
    whole = next_postures(initial_posture_state(3), 1000)
    state = initial_posture_state(3)
    pieces = np.concatenate([next_postures(state, 2) for _ in range(500)])
    np.testing.assert_array_equal(pieces, whole)
    other = next_postures(initial_posture_state(4), 1000)
    assert abs(np.corrcoef(whole[:, 1], other[:, 1])[0, 1]) < 0.5
