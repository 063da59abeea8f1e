"""A face told by weights that nobody explains gets our mouth's coefficients."""

import numpy as np
import pytest

from model.train.mocap import at_frames, at_peoples_size, retarget

ACROSS = np.array([1.0, 0.0], np.float32)


def test_weights_are_read_in_the_middle_of_each_frame() -> None:
    # A weight that is the time of its row's middle, in seconds.
    rows = ((np.arange(60) + 0.5) / 30)[:, None].astype(np.float32)
    told = at_frames(rows, 30.0, 49)
    np.testing.assert_allclose(told[:, 0], (np.arange(49) + 0.5) / 25, atol=1e-5)


def test_what_weights_do_is_found_behind_a_voices_noise() -> None:
    rng = np.random.default_rng(0)
    does = rng.standard_normal((6, 2)).astype(np.float32)
    weights = rng.standard_normal((4000, 6)).astype(np.float32)
    still = np.full((4000, 1), 0.3, np.float32)
    mouths = weights @ does
    heard = mouths + rng.standard_normal(mouths.shape).astype(np.float32)
    (found,) = retarget([np.concatenate([weights, still], axis=1)], [heard])
    assert np.corrcoef(found[:, 0], mouths[:, 0])[0, 1] > 0.99


def test_lips_are_shut_at_zero_and_open_as_far_as_peoples() -> None:
    opening = np.concatenate([np.full(100, 0.4), np.linspace(0.4, 1.0, 900)])
    mouth = np.stack([opening, np.ones(1000)], axis=1).astype(np.float32)
    (made,) = at_peoples_size([mouth], ACROSS, 0.03)
    assert (made @ ACROSS).std() == pytest.approx(0.03, rel=1e-4)
    assert np.abs(made[:50] @ ACROSS).max() < 1e-6
