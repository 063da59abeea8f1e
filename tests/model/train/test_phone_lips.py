"""Lips for synthetic voices: they meet where phones say so, and phones nobody filmed have lips."""

import numpy as np
import torch

from model.motion.space import MotionSpace
from model.train.encoder_phones import PHONES, UNKNOWN
from model.train.phone_lips import (
    Filmed,
    PhoneLips,
    closing_tokens,
    fit,
    gap_of,
    heard_labels,
    one_of,
    speak,
    stand_ins,
)
from model.train.speech_edges import contacts, earlier

FRAMES = 120


def labels_of(*phones: str, frames_each: int = 4) -> np.ndarray:
    numbers = np.array([PHONES.index(phone) for phone in phones], np.uint8)
    return np.repeat(numbers, 2 * frames_each).reshape(-1, 2)


def test_lips_meet_at_every_bilabial_and_hardly_change_elsewhere(space: MotionSpace) -> None:
    torch.manual_seed(0)
    network, gaps = PhoneLips(space.num_mouth).eval(), gap_of(space)
    across = gaps.mean(dim=1).numpy()
    # An untrained mouth, held open.
    with torch.no_grad():
        assert network.out.bias is not None
        network.out.bias.copy_(gaps.mean(dim=1) * 0.05 / gaps.mean(dim=1).square().sum())
        network.out.weight.mul_(0.1)
        labels = labels_of("a", "a", "p", "a", "a", "m", "a", "a")
        free = network(one_of(labels)[None])[0].numpy() @ across
    gap = speak(network, labels, gaps) @ across
    closed = contacts(labels)
    assert np.flatnonzero(closed).tolist() == [9, 21]
    assert (gap[closed] < 0.0).all()
    far = ~np.convolve(closed, np.ones(3), "same").astype(bool)
    np.testing.assert_allclose(gap[far], free[far], atol=1e-5)
    assert (free[far] > 0.01).all()


def test_unknown_sounds_are_no_phone() -> None:
    rows = one_of(np.array([[UNKNOWN, PHONES.index("s")]], np.uint8))
    assert rows.sum() == 1
    assert rows[0, len(PHONES) + PHONES.index("s")] == 1


def test_phones_that_nobody_was_filmed_saying_move_as_others() -> None:
    mouth = np.zeros((FRAMES, 20), np.float32)
    known = Filmed(labels_of("u", "n", "s", frames_each=40), mouth)
    table = stand_ins([known])
    assert table[PHONES.index("s")] == PHONES.index("s")
    assert table[PHONES.index("y")] == PHONES.index("u")
    assert table[PHONES.index("k")] == UNKNOWN
    assert table[UNKNOWN] == UNKNOWN


def test_it_learns_which_phone_opens(space: MotionSpace) -> None:
    across = gap_of(space).mean(dim=1).numpy()
    labels = labels_of(*("s", "a") * 15)
    is_open = (labels[:, :1] == PHONES.index("a")).astype(np.float32)
    clip = Filmed(labels, is_open * across / (across @ across) * 0.1)
    network = fit([clip], space, steps=60)
    gap = speak(network, labels_of("s", "a", "s", frames_each=8), gap_of(space)) @ across
    assert gap[12] > gap[4] + 0.05
    assert gap[12] > gap[20] + 0.05


def test_lips_close_where_the_teacher_read_a_bilabial_and_nowhere_else() -> None:
    lips = closing_tokens(("<pad>", "a", "pʰ", "m", "s"))
    m, p, a = (PHONES.index(phone) for phone in "mpa")
    assert lips.tolist() == [-1, -1, p, m, -1]
    probs = np.zeros((40, len(PHONES)), np.float32)
    probs[:, a] = 1
    probs[[10, 11, 30], m] = 2
    read = np.zeros((40, 5), np.float32)
    read[:, 0] = 1
    read[12, 3] = 2
    labels = heard_labels(probs, read, lips)
    assert labels[10:14].tolist() == [m] * 4
    assert labels[30] == UNKNOWN
    assert (np.delete(labels, [10, 11, 12, 13, 30]) == a).all()


def test_labels_that_are_told_late_are_moved_to_their_sound() -> None:
    labels = np.array([1, 1, 2, 2, 3], np.uint8)
    assert earlier(labels, 1).tolist() == [1, 2, 2, 3, 3]
