"""Eyes look at the listener, jump elsewhere now and then, and turn against the head."""

import numpy as np
import torch

from model.motion.gaze import MEAN_INTERVAL_S, against, initial_gaze_state, next_fixations
from model.rates import FPS

MINUTES = 20


def test_it_begins_as_in_the_portrait_and_jumps_now_and_then() -> None:
    fixations = next_fixations(initial_gaze_state(5), MINUTES * 60 * FPS)
    assert not fixations[: FPS // 5].any()
    jumps = np.flatnonzero(np.abs(np.diff(fixations, axis=0)).sum(axis=1))
    assert abs(MINUTES * 60 / len(jumps) - MEAN_INTERVAL_S) < 0.1
    assert np.diff(jumps).min() >= FPS // 5


def test_most_of_the_time_it_is_near_the_listener_and_it_never_stays_away() -> None:
    fixations = next_fixations(initial_gaze_state(5), MINUTES * 60 * FPS)
    assert (np.abs(fixations.mean(axis=0)) < 0.15 * fixations.std(axis=0)).all()
    assert np.mean(np.linalg.norm(fixations, axis=1) < 1.5) > 0.7
    assert np.abs(fixations).max() < 4


def test_same_whatever_the_chunks_and_other_for_another_seed() -> None:
    whole = next_fixations(initial_gaze_state(3), 1000)
    state = initial_gaze_state(3)
    pieces = np.concatenate([next_fixations(state, 2) for _ in range(500)])
    np.testing.assert_array_equal(pieces, whole)
    other = next_fixations(initial_gaze_state(4), 1000)
    assert abs(np.corrcoef(whole[:, 0], other[:, 0])[0, 1]) < 0.5


def test_eyes_turn_aside_when_the_head_does_and_not_when_it_moves_without_turning() -> None:
    nod, turn, shift = torch.eye(6)[0], torch.eye(6)[1], torch.eye(6)[3]
    assert against(turn)[0] > 0
    assert against(turn)[1] == 0
    assert against(nod)[1] < 0
    assert against(nod)[0] == 0
    assert not against(shift).any()
