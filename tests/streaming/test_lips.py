import pytest

from streaming.lips import Lips


def test_lips_follow_until_a_hush_and_then_close_within_two_frames() -> None:
    lips = Lips()
    assert [lips.gain(frame) for frame in range(3)] == [1.0, 1.0, 1.0]
    lips.hush()
    assert [lips.gain(frame) for frame in (3, 4)] == pytest.approx([0.2, 0.04])
    assert max(lips.gain(frame) for frame in range(5, 200)) < 0.03


def test_they_follow_again_just_before_new_speech() -> None:
    lips = Lips()
    lips.hush()
    assert lips.gain(0) == pytest.approx(0.2)
    lips.speak(10 * 1920)
    lips.speak(20 * 1920)
    closed = [lips.gain(frame) for frame in range(1, 8)]
    assert closed == sorted(closed, reverse=True)
    assert closed[-1] < 0.001
    assert lips.gain(8) == pytest.approx(0.7, abs=0.001)
    assert lips.gain(9) == pytest.approx(0.91, abs=0.001)


def test_speech_without_a_hush_changes_nothing() -> None:
    lips = Lips()
    lips.speak(1920 * 100)
    assert [lips.gain(frame) for frame in range(5)] == [1.0] * 5
