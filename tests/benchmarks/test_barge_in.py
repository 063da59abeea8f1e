"""When a mouth is closed again after a cut, by how it looked before the sentence."""

import numpy as np
import pytest

from benchmarks.barge_in import closed_ms, silence_ms, told
from tests.browser.recording import CROP_SHAPE, Recording, Sound

START_MS, CUT_MS = 2000.0, 3500.0
NO_SOUND = Sound(np.zeros(0), np.zeros(0))


def recording(*, open_until_ms: float, rest_after: float = 0.0, fps: float = 25.0) -> Recording:
    """A mouth that opens with the sentence, and has some openness when it is closed again."""
    times = np.arange(0, 6000, 1000 / fps)
    openness = np.where((times > START_MS + 100) & (times < open_until_ms), 1.0, 0.0)
    openness[times >= open_until_ms] = rest_after
    noise = np.random.default_rng(0).integers(-2, 3, (len(times), *CROP_SHAPE))
    mouths = np.clip(150 - 100 * openness[:, None, None] + noise, 0, 255).astype(np.uint8)
    return Recording(NO_SOUND, NO_SOUND, times, np.arange(len(times), dtype=float), mouths, (), ())


def test_a_mouth_that_closes_after_the_cut() -> None:
    found = closed_ms(recording(open_until_ms=CUT_MS + 100), START_MS, CUT_MS)
    assert found == pytest.approx(100, abs=40)


@pytest.mark.parametrize(
    ("open_until_ms", "rest_after", "why"),
    [
        (CUT_MS - 100, 0.0, "closed when it was cut"),
        (START_MS, 0.0, "hardly open"),
        (CUT_MS + 2000, 0.0, "still open after 1 s"),
        # It has not come back to how it looked before, whatever it is after the cut.
        (CUT_MS + 100, 0.8, "still open after 1 s"),
    ],
)
def test_why_a_trial_tells_nothing(open_until_ms: float, rest_after: float, why: str) -> None:
    made = recording(open_until_ms=open_until_ms, rest_after=rest_after)
    found = closed_ms(made, START_MS, CUT_MS)
    assert isinstance(found, str)
    assert why in found


def test_too_few_pictures_do_not_lose_the_other_trials() -> None:
    found = closed_ms(recording(open_until_ms=CUT_MS + 100, fps=2.0), START_MS, CUT_MS)
    assert isinstance(found, str)
    assert "too few pictures" in found


def test_a_cut_in_a_pause() -> None:
    times = np.arange(0, 6000, 2.5)
    quiet = Recording(
        NO_SOUND,
        Sound(times, np.zeros(len(times))),
        np.zeros(0),
        np.zeros(0),
        np.zeros((0, *CROP_SHAPE), np.uint8),
        (),
        (),
    )
    assert silence_ms(quiet, CUT_MS) == "cut in a pause"


def test_left_out_trials_are_told() -> None:
    figures, sentences = told("clear to silence", [10.0, "cut in a pause", "cut in a pause"])
    assert figures[0].samples == (10.0,)
    assert sentences == [
        "clear to silence: 1 of 3 trials",
        "clear to silence: left out 2: cut in a pause",
    ]
