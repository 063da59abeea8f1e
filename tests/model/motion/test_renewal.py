"""What is held changes now and then; every seed and every stream has draws of its own."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from model.motion.renewal import (
    WIDEST,
    HeldState,
    Intervals,
    Stream,
    bounded_normal,
    initial_held_state,
    next_held,
)
from model.rates import FPS

INTERVALS = Intervals(mean_s=2.0, least_s=0.6, spread=0.5)


def draw(rng: np.random.Generator) -> NDArray[np.float64]:
    return bounded_normal(rng, 2)


def begin(seed: int, stream: Stream = Stream.GAZE) -> HeldState:
    return initial_held_state(seed, stream, INTERVALS, 2)


def held(state: HeldState, count: int) -> NDArray[np.float32]:
    return next_held(state, count, INTERVALS, draw)


def test_intervals_have_their_mean_and_none_is_shorter_than_the_least() -> None:
    values = held(begin(5), 30 * 60 * FPS)
    assert not values[: int(INTERVALS.least_s * FPS)].any()
    changes = np.flatnonzero(np.abs(np.diff(values, axis=0)).sum(axis=1))
    assert np.diff(changes).mean() / FPS == pytest.approx(INTERVALS.mean_s, abs=0.1)
    assert np.diff(changes).min() >= INTERVALS.least_s * FPS - 1


def test_chunks_are_as_good_as_one_piece() -> None:
    state = begin(3)
    pieces = np.concatenate([held(state, 2) for _ in range(500)])
    np.testing.assert_array_equal(pieces, held(begin(3), 1000))


def test_seeds_and_streams_have_draws_of_their_own() -> None:
    states = [begin(3), begin(4), *(begin(3, s) for s in Stream if s is not Stream.GAZE)]
    values = [held(state, 4000)[:, 0] for state in states]
    for a, b in itertools.combinations(values, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.3


def test_nothing_is_drawn_too_far() -> None:
    drawn = bounded_normal(np.random.default_rng(0), 10_000)
    assert np.abs(drawn).max() == WIDEST
    assert drawn.std() == pytest.approx(0.96, abs=0.03)
