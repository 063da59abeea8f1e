"""Eyes look at the listener, jump elsewhere now and then, and turn against the head."""

import numpy as np
import torch

from model.motion.gaze import INTERVALS, counter_rotation, initial_gaze_state, next_fixations
from model.rates import FPS

MINUTES = 20


def test_it_begins_as_in_the_portrait_and_jumps_now_and_then() -> None:
    fixations = next_fixations(initial_gaze_state(5), MINUTES * 60 * FPS)
    assert not fixations[: FPS // 5].any()
    jumps = np.flatnonzero(np.abs(np.diff(fixations, axis=0)).sum(axis=1))
    assert abs(MINUTES * 60 / len(jumps) - INTERVALS.mean_s) < 0.1
    assert np.diff(jumps).min() >= FPS // 5


def test_most_of_the_time_it_is_near_the_listener_and_it_soon_comes_back() -> None:
    fixations = next_fixations(initial_gaze_state(5), MINUTES * 60 * FPS)
    assert (np.abs(fixations.mean(axis=0)) < 0.15 * fixations.std(axis=0)).all()
    near = np.linalg.norm(fixations, axis=1) < 1.5
    assert near.mean() > 0.7
    returns = np.flatnonzero(near)
    assert np.diff(returns).max() < 8 * FPS
    assert np.abs(fixations).max() < 4


def test_eyes_turn_aside_when_the_head_does_and_not_when_it_moves_without_turning() -> None:
    nod, turn, shift = torch.eye(6)[0], torch.eye(6)[1], torch.eye(6)[3]
    assert counter_rotation(turn)[0] > 0
    assert counter_rotation(turn)[1] == 0
    assert counter_rotation(nod)[1] < 0
    assert counter_rotation(nod)[0] == 0
    assert not counter_rotation(shift).any()
