"""How near a mouth is, is told of all of it and of what may be painted."""

import numpy as np
import pytest

from benchmarks.quality.mouth_scores import (
    INSET,
    liveliness,
    psnr,
    psnr_within,
    sharpness,
)
from model.train.frame_data import SEQUENCE

SIDE = 2 * INSET + 20
RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (SEQUENCE, SIDE, SIDE, 3), dtype=np.uint8)
SHOWN = np.zeros((SEQUENCE, SIDE, SIDE), np.float32)
SHOWN[:, INSET + 5 : INSET + 15, INSET + 5 : INSET + 15] = 1


def test_equal_pictures_have_a_finite_psnr() -> None:
    assert np.isfinite(psnr(REAL, REAL)).all()
    assert np.isfinite(psnr_within(REAL, REAL, SHOWN)).all()


def test_errors_outside_of_what_is_shown_do_not_count_within() -> None:
    made = np.where(SHOWN[..., None] > 0, REAL, 0).astype(np.uint8)
    assert psnr(made, REAL) < psnr(REAL, REAL)
    assert psnr_within(made, REAL, SHOWN) == psnr_within(REAL, REAL, SHOWN)


def test_a_psnr_of_a_known_error() -> None:
    made = np.full_like(REAL, 100)
    assert psnr(made, made + np.uint8(10)) == pytest.approx(
        [10 * np.log10(255**2 / 100)] * SEQUENCE
    )


def test_shut_mouths_have_no_psnr_within() -> None:
    shut = SHOWN.copy()
    shut[1:] = 0
    assert len(psnr_within(REAL, REAL, shut)) == 1


def test_of_nothing_shown_sharpness_and_change_are_none() -> None:
    assert sharpness(REAL, np.zeros_like(SHOWN)) == 0
    assert liveliness(REAL, np.zeros_like(SHOWN)) == 0
    assert sharpness(REAL, np.ones_like(SHOWN)) == pytest.approx(sharpness(REAL))
    assert liveliness(REAL, np.ones_like(SHOWN)) == pytest.approx(liveliness(REAL))
