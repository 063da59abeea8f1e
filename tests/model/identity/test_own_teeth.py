import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from model.identity.mouth import mouth_center
from model.identity.own_teeth import OwnTeeth, find_teeth
from model.identity.portrait import read_portrait
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP
from tests.model.identity.astronaut import encode, identity, picture

portrait = read_portrait(encode(picture()), 512)
image = np.asarray(portrait.image)
landmarks = torch.from_numpy(portrait.landmarks)[:, :2]
center = mouth_center(torch.from_numpy(identity().landmarks))


def find(picture: NDArray[np.uint8], points: torch.Tensor = landmarks) -> OwnTeeth | None:
    return find_teeth(picture, points, center, identity().rig)


def filled(color: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Paint over what is between the lips."""
    outline = np.concatenate(
        [landmarks[list(UPPER_INNER_LIP)], landmarks[list(LOWER_INNER_LIP)].flip(0)]
    )
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    mouth = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mouth, [outline.round().astype(np.int32)], 1)
    mouth = np.asarray(cv2.dilate(mouth, np.ones((5, 5), np.uint8)), np.uint8)
    return np.where(mouth[..., None] > 0, np.array(color) + noise, image).clip(0, 255).astype("u1")


def test_a_smile_gives_its_teeth() -> None:
    layer = identity().mouth.upper_teeth
    places = layer.box.samples()
    middle = landmarks[[13, 14]].mean(dim=0)
    away = (places - middle).norm(dim=-1)
    row, column = (int(v) for v in (away == away.min()).nonzero()[0])
    own = layer.values[0, :, row - 2 : row + 3, column - 8 : column + 9]
    x, y = (int(v) for v in places[row, column])
    shown = image[y - 1 : y + 2, x - 4 : x + 5].mean(axis=(0, 1))
    assert (own[3] > 0.95).all()
    np.testing.assert_allclose(own[:3].mean(dim=(1, 2)), shown, atol=6)


def test_they_end_at_the_lower_lip() -> None:
    teeth = find(image)
    assert teeth is not None
    nothing = torch.zeros(4, 3, 3)
    axis = torch.linspace(-0.02, 0.02, 3)
    below = teeth.over(nothing + 1, axis.expand(3, 3), torch.full((3, 3), 0.2))
    above = teeth.over(nothing + 1, axis.expand(3, 3), torch.full((3, 3), -0.12))
    assert below.abs().max() < 0.01
    torch.testing.assert_close(above, nothing + 1)


def test_a_closed_mouth_has_none() -> None:
    assert find(identity().still, torch.from_numpy(identity().landmarks)[:, :2]) is None


def test_a_mouth_without_teeth_has_none() -> None:
    assert find(filled((60, 20, 20))) is None
    assert find(filled((190, 90, 90))) is None
