"""The rule by which lips meet, and how often they do by chance."""

import numpy as np
import pytest

from benchmarks.quality.languages import LANGUAGE_OF, UNTOLD, Found, language_of, shares
from model.train.held_out import VAL_SPEECH_PREFIXES

FRAMES = 1000


def test_every_file_held_out_has_a_language() -> None:
    assert LANGUAGE_OF.keys() == set(VAL_SPEECH_PREFIXES)
    assert language_of("LiveAvatar-examples_cyclops_baker.opus") == "English"
    assert language_of("somebody.opus") == UNTOLD


@pytest.mark.parametrize(("gap", "chance"), [(0.0, 1.0), (1.0, 0.0)])
def test_lips_that_always_or_never_touch(gap: float, chance: float) -> None:
    found = Found.of(np.full(FRAMES, gap), [1.0, 2.0])
    assert found.at_lips == [gap == 0] * 2
    assert found.chance == chance


def test_chance_is_the_share_of_moments_near_a_touch() -> None:
    gaps = np.ones(FRAMES)
    gaps[100::100] = 0
    # A frame's middle is within 60 ms of a moment for 120 of its 4,000 ms.
    assert Found.of(gaps, []).chance == pytest.approx(0.03, rel=0.2)


def test_a_sound_counts_by_its_number_of_places() -> None:
    closed, chance = shares("speech", [Found([True, True, False], 0.2), Found([True], 0.6)])
    assert closed.samples == (75.0,)
    assert chance.samples == pytest.approx((30.0,))


def test_sounds_without_a_place_have_no_figure() -> None:
    assert shares("silence", [Found([], float("nan"))]) == []
