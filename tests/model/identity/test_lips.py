import numpy as np

from model.identity.lips import close_lips, lip_gap
from model.identity.topology import JAW, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from tests.model.identity.astronaut import space


def open_face() -> np.ndarray:
    face = space().template.astype(np.float64)
    for ring in LOWER_LIP_RINGS:
        face[list(ring[1:-1]), 1] += 0.1
    return face


def test_inner_lips_meet_pair_by_pair() -> None:
    assert np.abs(lip_gap(open_face())).max() > 0.09
    assert np.abs(lip_gap(close_lips(open_face()))).max() < 1e-12


def test_lips_keep_their_thickness_and_corners() -> None:
    before, after = open_face(), close_lips(open_face())
    for rings in (UPPER_LIP_RINGS, LOWER_LIP_RINGS):
        inner, outer = list(rings[0][1:-1]), list(rings[-1][1:-1])
        thickness = np.linalg.norm(before[inner] - before[outer], axis=1)
        np.testing.assert_allclose(
            np.linalg.norm(after[inner] - after[outer], axis=1), thickness, atol=1e-12
        )
    corners = [61, 291, 78, 308]
    np.testing.assert_array_equal(before[corners], after[corners])


def test_the_chin_comes_up_with_the_lower_lip() -> None:
    lift = open_face()[list(JAW), 1] - close_lips(open_face())[list(JAW), 1]
    assert (lift > 0.03).all()


def test_closed_lips_stay_as_they_are() -> None:
    closed = close_lips(open_face())
    np.testing.assert_allclose(close_lips(closed), closed, atol=1e-12)
