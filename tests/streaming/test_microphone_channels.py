import numpy as np
import pytest
from numpy.typing import NDArray

from streaming.microphone import to_mono
from tests.streaming.heard import mono


def test_channels_are_averaged_without_overflow() -> None:
    stereo = np.array([[32767, 32767], [-32768, -32768], [100, -100], [3, 0]], np.int16)
    np.testing.assert_array_equal(to_mono(stereo), [32767, -32768, 0, 2])
    np.testing.assert_array_equal(to_mono(stereo[:, :1]), stereo[:, 0])


def test_channels_that_cancel_each_other_are_heard_still() -> None:
    left = mono(960)
    reversed_side = np.stack([left // 2, -left], axis=1)
    np.testing.assert_array_equal(to_mono(np.stack([left, -left], axis=1)), left)
    half_cancelled = np.rint(reversed_side.mean(axis=1)).astype(np.int16)
    np.testing.assert_array_equal(to_mono(reversed_side), half_cancelled)


def test_of_channels_that_cancel_each_other_it_is_always_the_same() -> None:
    # As a codec leaves them: each a little off, so that now this one is louder, now that one.
    left = mono(50 * 960) // 2
    stereo = np.stack([left + mono(len(left), 1) // 200, mono(len(left), 2) // 200 - left], axis=1)
    packets = stereo.reshape(50, 960, 2)
    heard = np.concatenate([to_mono(packet) for packet in packets])
    np.testing.assert_array_equal(heard, stereo[:, 0])


def test_of_channels_that_cancel_each_other_a_quiet_one_is_not_taken() -> None:
    left = mono(960) // 2
    quiet = np.zeros_like(left)
    np.testing.assert_array_equal(to_mono(np.stack([quiet, left, -left], axis=1)), left)


def test_one_loud_channel_of_eight_is_averaged() -> None:
    pcm = np.zeros((960, 8), np.int16)
    pcm[:, 3] = 800
    np.testing.assert_array_equal(to_mono(pcm), np.full(960, 100))


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros((960, 1), np.float32),
        np.zeros(960, np.int16),
        np.zeros((0, 1), np.int16),
        np.zeros((960, 0), np.int16),
    ],
)
def test_other_sound_than_int16_samples_by_channels_is_refused(pcm: NDArray[np.int16]) -> None:
    with pytest.raises(ValueError, match="expected int16"):
        to_mono(pcm)
