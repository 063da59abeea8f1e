"""Eyes look at the listener, jump elsewhere now and then, and turn against the head."""

import numpy as np
import pytest
import torch

from model.avatar import DEFAULT_WEIGHTS
from model.motion.gaze import INTERVALS, counter_rotation, initial_gaze_state, next_fixations
from model.motion.space import MotionSpace
from model.rates import FPS

MINUTES = 20
NOSE_TIP = 1


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


@pytest.mark.parametrize(("axis", "along", "across"), [(0, 1, 0), (1, 0, 1)])
def test_eyes_turn_back_where_the_head_turns_them_away(axis: int, along: int, across: int) -> None:
    """Its first rotation carries what is in front of it up or down, its second aside."""
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    motion = torch.zeros(1, space.dim)
    motion[0, space.head.start + axis] = 1.0
    x, y, z = space.decode(motion).rotation[0].tolist()
    turn = torch.matrix_exp(torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]))
    tip = torch.from_numpy(space.template[NOSE_TIP] - space.template.mean(axis=0)).float()
    carried = (turn @ tip - tip)[along]
    gaze = counter_rotation(motion[:, space.head])[0]
    assert float(gaze[along] * carried) < 0
    assert gaze[across] == 0


def test_a_head_that_moves_without_turning_leaves_them_alone() -> None:
    assert not counter_rotation(torch.eye(6)[3:]).any()
