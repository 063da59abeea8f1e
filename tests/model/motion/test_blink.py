"""Blinks come at a person's rate and last as long as a person's."""

from itertools import groupby

from model.motion.blink import BLINK_FRAMES, initial_blink_state, next_blinks
from model.rates import FPS

MINUTES = 60


def test_rate_and_length_over_an_hour() -> None:
    flags = next_blinks(initial_blink_state(7), MINUTES * 60 * FPS)
    runs = [(value, len(list(group))) for value, group in groupby(flags)]
    blinks = [length for value, length in runs if value]
    assert 10 <= len(blinks) / MINUTES <= 20
    assert set(blinks) == {BLINK_FRAMES}
    pauses = [length / FPS for value, length in runs if not value]
    assert max(pauses) < 60


def test_same_whatever_the_chunks() -> None:
    whole = next_blinks(initial_blink_state(3), 1000)
    state = initial_blink_state(3)
    assert [flag for _ in range(500) for flag in next_blinks(state, 2)] == whole
