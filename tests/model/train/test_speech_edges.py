"""Edges of speech: lips part at the burst that is heard, and rest until speech begins."""

import numpy as np
import pytest

from model.rates import SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_phones import PHONES
from model.train.speech_edges import at_bursts, contacts, rest_before

ROW_SAMPLES = SAMPLE_RATE // 50
VOWEL = PHONES.index("a")


def tone(samples: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 300 * np.arange(samples) / SAMPLE_RATE)


def closure(burst_row: int, rows: int = 60) -> np.ndarray:
    """A vowel, 80 ms of silence before the burst, and a vowel."""
    sound = tone(rows * ROW_SAMPLES)
    sound[(burst_row - 4) * ROW_SAMPLES : burst_row * ROW_SAMPLES] = 0
    return sound


def told(phone: str, start: int, stop: int, rows: int = 60) -> np.ndarray:
    labels = np.full(rows, VOWEL, np.uint8)
    labels[start:stop] = PHONES.index(phone)
    return labels


@pytest.mark.parametrize("start", [28, 30, 31])
@pytest.mark.parametrize(("phone", "own"), [("b", range(28, 31)), ("p", range(27, 32))])
def test_a_plosive_is_moved_to_its_burst(phone: str, own: range, start: int) -> None:
    moved = at_bursts(told(phone, start, start + 2), closure(burst_row=30))
    assert np.flatnonzero(moved == PHONES.index(phone)).tolist() == list(own)
    assert (np.delete(moved, own) == VOWEL).all()


@pytest.mark.parametrize(("start", "begin"), [(25, 25), (18, 23)])
def test_a_closure_that_is_told_is_kept(start: int, begin: int) -> None:
    moved = at_bursts(told("b", start, 30), closure(burst_row=30))
    assert np.flatnonzero(moved == PHONES.index("b")).tolist() == list(range(begin, 31))


def test_of_two_bursts_the_first_counts() -> None:
    sound = closure(burst_row=30)
    # Breath after a /p/, then the voice.
    sound[30 * ROW_SAMPLES : 32 * ROW_SAMPLES] *= 0.05
    moved = at_bursts(told("p", 30, 32), sound)
    assert np.flatnonzero(moved == PHONES.index("p")).tolist() == list(range(27, 32))


@pytest.mark.parametrize("phone", ["b", "m"])
def test_without_a_burst_it_stays(phone: str) -> None:
    labels = told(phone, 30, 34)
    sound = tone(60 * ROW_SAMPLES) if phone == "b" else closure(burst_row=30)
    np.testing.assert_array_equal(at_bursts(labels, sound), labels)


def test_lips_touch_before_the_burst() -> None:
    labels = at_bursts(told("b", 30, 32), closure(burst_row=30)).reshape(-1, 2)
    (frame,) = np.flatnonzero(contacts(labels))
    centre_rows = 2 * frame + 1
    assert 28 <= centre_rows < 30


def test_a_mouth_rests_until_what_can_be_foreseen() -> None:
    frames, lead, starts = 40, 15, 12
    sound = np.zeros(frames * SAMPLES_PER_FRAME, np.int16)
    sound[starts * SAMPLES_PER_FRAME :] = 8000
    mouth = np.ones((frames, 3), np.float32)
    longer, rested = rest_before(sound, mouth, lead)
    assert len(longer) == (frames + lead) * SAMPLES_PER_FRAME
    assert (longer[: (lead + starts) * SAMPLES_PER_FRAME] == 0).all()
    assert (rested[: lead + starts - 3] == 0).all()
    assert (np.diff(rested[lead + starts - 4 : lead + starts, 0]) > 0).all()
    assert (rested[lead + starts - 1 :] == 1).all()


def test_of_a_recording_without_speech_nothing_moves() -> None:
    _, rested = rest_before(np.zeros(4000, np.int16), np.ones((6, 3), np.float32), 2)
    assert not rested.any()
