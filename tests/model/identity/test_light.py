"""What is drawn into a mouth has the picture's colours, or none where it has none."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from model.identity.light import in_picture, measure_light
from model.identity.portrait import Portrait, read_portrait
from tests.model.identity.astronaut import encode, picture

SIZE = 256


def saturation(color: NDArray[np.float64]) -> float:
    return float((color.max() - color.min()) / color.max())


def light_of(portrait: Portrait) -> torch.Tensor:
    landmarks = torch.from_numpy(portrait.landmarks[:, :2])
    scale = float((landmarks[454] - landmarks[234]).norm())
    image = torch.from_numpy(np.asarray(portrait.image).copy())
    light = measure_light(image, landmarks, scale)
    return light.on((0.7, 0.3, 0.3))


def test_a_tongue_is_red_in_colours_and_grey_in_black_and_white() -> None:
    colored = read_portrait(encode(picture()), SIZE)
    grey = read_portrait(encode(picture().convert("L")), SIZE)
    sepia = np.asarray(picture().convert("L"), float)[..., None] * [1.0, 0.99, 0.985]
    toned = read_portrait(encode(Image.fromarray(sepia.astype(np.uint8))), SIZE)
    assert saturation(light_of(colored).numpy()) > 0.4
    assert saturation(light_of(grey).numpy()) < 0.01
    assert saturation(light_of(toned).numpy()) < 0.1


def test_half_of_the_colour_is_half_way_to_grey_of_the_same_brightness() -> None:
    full, none, half = (in_picture((0.6, 0.3, 0.2), color) for color in (1.0, 0.0, 0.5))
    assert none.min() == none.max()
    torch.testing.assert_close(half, (full + none) / 2)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close((full * luma).sum(), (none * luma).sum())
