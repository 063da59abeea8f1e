"""Learning where lips meet."""

import numpy as np
import pytest
import torch

from model.motion.contact import ROWS
from model.train.contact_probe import Heard, fit, found, meeting, meeting_by_teacher, spans
from model.train.encoder_phones import PHONES, UNKNOWN


def labels(said: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """One row for each character; `?` is a row whose phone nobody knows."""
    return np.array([UNKNOWN if one == "?" else PHONES.index(one) for one in said], np.uint8)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("aapppaa", [0, -1, 1, -1, 0, 0, 0]),
        ("aabbbbaa", [0, -1, -1, 1, -1, 0, 0, 0]),
        ("aammmmaa", [0, -1, -1, 1, 1, -1, 0, 0]),
        ("aapa", [0, -1, 1, 0]),
        ("??aa", [-1, -1, 0, 0]),
    ],
)
def test_only_what_is_certain_is_told(said: str, told: list[float]) -> None:
    assert meeting(labels(said)).tolist() == told


def test_of_the_teachers_word_only_what_it_is_sure_of_is_told() -> None:
    closed = np.array([0.0, 0.3, 0.8, 0.9, 0.75, 0.2, 0.01, 0.6, 0.01])
    assert meeting_by_teacher(closed).tolist() == [0, -1, -1, 1, -1, -1, 0, -1, 0]


def test_runs_of_a_phone() -> None:
    assert [(s, e, PHONES[p]) for s, e, p in spans(labels("aabbba"))] == [
        (0, 2, "a"),
        (2, 5, "b"),
        (5, 6, "a"),
    ]


def test_it_learns_what_tells_contact() -> None:
    torch.manual_seed(0)
    rows = torch.randn(4000, ROWS * 4)
    # Neither number alone tells it.
    told = ((rows[:, 0] > 0) & (rows[:, 7] > 0)).float()
    probe = fit(rows, told, steps=400)
    new = torch.randn(1000, ROWS * 4)
    right = (probe.logits(new) > 0) == ((new[:, 0] > 0) & (new[:, 7] > 0))
    assert right.float().mean() > 0.9


def test_shares_count_what_is_found_and_what_is_taken_so() -> None:
    said = labels("aaabbbaaatttaaasssaaa")
    logits = np.full(len(said), -1.0, np.float32)
    logits[4] = logits[10] = 1.0
    heard = Heard(torch.zeros(0), torch.zeros(0), said, np.array(["one"] * len(said)))
    lips, tongue, vowel = found(logits, heard, "one")
    assert (lips, tongue, vowel) == (1.0, 0.5, 0.0)
    assert np.isnan(found(logits, heard, "another")).all()
