"""Brows go up and down now and then, without jumps."""

import numpy as np
import torch

from model.motion.brows import initial_brow_state, next_brows
from model.rates import FPS

MINUTES = 10


def test_they_begin_as_in_the_portrait_and_move_evenly_up_and_down() -> None:
    brows = next_brows(initial_brow_state(5), torch.ones(MINUTES * 60 * FPS)).numpy()
    assert not brows[:4].any()
    assert abs(brows.mean()) < 0.1 * brows.std()
    assert 0.3 < brows.std() < 0.6
    assert np.abs(brows).max() < 1.5


def test_they_take_time() -> None:
    brows = next_brows(initial_brow_state(5), torch.ones(MINUTES * 60 * FPS))
    steps = brows.diff()
    # From one end to the other it is two steps and more.
    assert steps.abs().max() < 0.4 * (brows.max() - brows.min())


def test_hops_are_as_good_as_one_piece() -> None:
    state = initial_brow_state(3)
    pieces = torch.cat([next_brows(state, torch.ones(2)) for _ in range(200)])
    torch.testing.assert_close(pieces, next_brows(initial_brow_state(3), torch.ones(400)))


def test_they_are_calmer_while_nobody_talks_and_there_is_no_jump_between() -> None:
    speech = torch.ones(MINUTES * 60 * FPS)
    speech[len(speech) // 2 :] = 0
    brows = next_brows(initial_brow_state(5), speech)
    talking, listening = brows.chunk(2)
    assert 0.2 < listening.std() / talking.std() < 0.4
    assert brows.diff()[len(talking) - 2 : len(talking) + 10].abs().max() < 0.2
