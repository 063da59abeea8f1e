import numpy as np

from model.frames.lookup import look_up

TEXTURE = np.array([[[0, 200], [100, 100], [50, 0]], [[10, 20], [30, 40], [50, 60]]], np.uint8)


def places(*points: tuple[float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(points, np.float32).T[:, None]


def test_a_sample_is_found_as_it_is_and_between_two_lies_their_mean() -> None:
    found = look_up(TEXTURE, places((0, 0), (2, 1), (0.5, 0), (1, 0.5)))
    np.testing.assert_array_equal(found[0], [[0, 200], [50, 60], [50, 150], [65, 70]])


def test_beyond_the_rim_it_is_seen_as_in_a_mirror() -> None:
    found = look_up(TEXTURE, places((-1, 0), (3, 1), (0, -1)))
    np.testing.assert_array_equal(found[0], [[100, 100], [30, 40], [10, 20]])


def test_it_draws_in_place() -> None:
    pixels = np.zeros((2, 1, 1, 2), np.uint8)
    look_up(TEXTURE, places((1, 1)), out=pixels[1])
    np.testing.assert_array_equal(pixels[:, 0, 0], [[0, 0], [30, 40]])
