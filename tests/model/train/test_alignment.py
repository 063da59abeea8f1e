import numpy as np

from model.train.alignment import anchors, frame_times
from model.train.encoder_phones import PhoneSpan


def word(start_s: float, step_s: float, *phones: str) -> list[PhoneSpan]:
    return [
        PhoneSpan(start_s + i * step_s, start_s + (i + 1) * step_s, (phone,))
        for i, phone in enumerate(phones)
    ]


SILENCE = [PhoneSpan(0.0, 0.2, ())]


def test_words_pronounced_alike_correspond_phone_by_phone() -> None:
    real = [SILENCE, word(0.2, 0.1, "b", "i", "n")]
    other = [word(1.0, 0.2, "b", "i", "n")]
    found = anchors(real, other)
    assert found is not None
    np.testing.assert_allclose(found[0], [0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(found[1], [1.0, 1.2, 1.4, 1.6])


def test_words_pronounced_otherwise_correspond_at_their_ends() -> None:
    found = anchors([word(0.2, 0.1, "ə", "t")], [word(1.0, 0.1, "æ", "t")])
    assert found is not None
    np.testing.assert_allclose(found[0], [0.2, 0.4])
    np.testing.assert_allclose(found[1], [1.0, 1.2])


def test_readings_of_other_words_do_not_correspond() -> None:
    assert anchors([word(0, 0.1, "b", "i")], [word(0, 0.1, "b"), word(0.2, 0.1, "n")]) is None


def test_a_reading_that_takes_much_longer_does_not_correspond() -> None:
    assert anchors([word(0, 0.1, "b", "i")], [word(0, 0.4, "b", "i")]) is None


def test_frames_between_anchors_are_stretched_those_outside_keep_their_pace() -> None:
    times = frame_times(6, np.array([0.04, 0.12]), np.array([1.0, 1.16]))
    np.testing.assert_allclose(times, [0.96, 1.0, 1.08, 1.16, 1.2, 1.24])


def test_no_frame_is_before_the_sound() -> None:
    assert frame_times(3, np.array([0.08, 0.1]), np.array([0.02, 0.04])).min() == 0.0
