"""How late lips are: found again where it was put in."""

import numpy as np
import pytest

from model.rates import FRAME_MS, SAMPLES_PER_FRAME
from model.train.lips_lag import correlations, loudness, peak_ms


@pytest.mark.parametrize("late_frames", [-2, 0, 1])
def test_a_lag_is_found(late_frames: int) -> None:
    rng = np.random.default_rng(0)
    opening = np.convolve(rng.random(200), np.ones(4) / 4, "same")
    sound = np.repeat(opening, SAMPLES_PER_FRAME) * rng.choice([-1.0, 1.0], 200 * SAMPLES_PER_FRAME)
    found = peak_ms(correlations(loudness(sound, 200), np.roll(opening, late_frames)))
    assert found == pytest.approx(late_frames * FRAME_MS, abs=3)


def test_lips_that_follow_nothing_have_no_lag() -> None:
    assert np.isnan(peak_ms(correlations(np.arange(60.0), np.zeros(60))))
