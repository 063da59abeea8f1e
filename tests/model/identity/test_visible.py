"""What is not there cannot be animated, and is asked for."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.identity.portrait import find_face
from model.identity.topology import LIDS, LIPS, LOWER_LIDS, UPPER_LIDS
from model.identity.visible import what_is_missing
from tests.model.identity.astronaut import picture

SIZE = picture().size
FACE_PX = 100.0


def landmarks() -> NDArray[np.float32]:
    return find_face(picture())


def missing(points: NDArray[np.float32]) -> str:
    return what_is_missing(points, SIZE, FACE_PX) or "nothing"


def moved(part: list[int], axis: int, to: float) -> NDArray[np.float32]:
    """Move a part of the face so that its outermost point in an axis is at a place."""
    points = landmarks()
    outermost = points[part, axis].max() if to > 100 else points[part, axis].min()
    points[part, axis] += to - outermost
    return points


def test_nothing_is_missing_of_a_whole_face() -> None:
    assert missing(landmarks()) == "nothing"


@pytest.mark.parametrize("axis", [0, 1])
def test_lips_and_lids_have_to_be_in_the_picture(axis: int) -> None:
    for part, name in ((list(LIPS), "mouth"), (list(LIDS), "eyes")):
        for edge, beyond in ((0, -1), (SIZE[axis], SIZE[axis] + 1)):
            assert missing(moved(part, axis, edge)) == "nothing"
            assert f"its {name} beyond the edge: use one with" in missing(moved(part, axis, beyond))


def test_a_chin_may_be_cut_off_a_little() -> None:
    edge = SIZE[1]
    assert missing(moved([152], 1, edge + 0.04 * FACE_PX)) == "nothing"
    assert "its chin beyond the edge" in missing(moved([152], 1, edge + 0.06 * FACE_PX))


def shut(sides: tuple[int, ...]) -> NDArray[np.float32]:
    points = landmarks()
    for side in sides:
        points[list(UPPER_LIDS[side])] = points[list(LOWER_LIDS[side])]
    return points


def test_one_eye_may_wink_but_not_both() -> None:
    assert missing(shut((0,))) == missing(shut((1,))) == "nothing"
    assert missing(shut((0, 1))) == "the eyes are closed: use a picture with open eyes"
