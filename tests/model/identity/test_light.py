"""What is drawn into a mouth has the picture's colours, or none where it has none."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from model.identity.light import Light, in_picture, measure_light
from model.identity.portrait import Portrait, read_portrait
from tests.model.identity.astronaut import encode, picture

SIZE = 256


def saturation(color: NDArray[np.float64]) -> float:
    return float((color.max() - color.min()) / color.max())


def light_in(portrait: Portrait) -> Light:
    landmarks = torch.from_numpy(portrait.landmarks[:, :2])
    scale = float((landmarks[454] - landmarks[234]).norm())
    image = torch.from_numpy(np.asarray(portrait.image).copy())
    return measure_light(image, landmarks, scale)


def light_of(portrait: Portrait) -> torch.Tensor:
    return light_in(portrait).on((0.7, 0.3, 0.3))


def dyed(color: tuple[float, float, float], *, grey: bool = False, quality: int = 90) -> Portrait:
    """The astronaut, each channel times a number, coded by JPEG."""
    source = picture().convert("L").convert("RGB") if grey else picture()
    pixels = (np.asarray(source, float) * color).clip(0, 255).astype(np.uint8)
    return read_portrait(encode(Image.fromarray(pixels), "JPEG", quality=quality), SIZE)


def test_a_tongue_is_red_in_colours_and_grey_in_black_and_white() -> None:
    colored = read_portrait(encode(picture()), SIZE)
    grey = read_portrait(encode(picture().convert("L")), SIZE)
    sepia = np.asarray(picture().convert("L"), float)[..., None] * [1.0, 0.99, 0.985]
    toned = read_portrait(encode(Image.fromarray(sepia.astype(np.uint8))), SIZE)
    assert saturation(light_of(colored).numpy()) > 0.4
    assert saturation(light_of(grey).numpy()) < 0.01
    assert saturation(light_of(toned).numpy()) < 0.1


@pytest.mark.parametrize("tone", [(1.07, 0.93, 0.75), (0.8, 0.9, 1.0)])
def test_in_a_toned_photograph_all_of_the_mouth_has_its_tone(
    tone: tuple[float, float, float],
) -> None:
    light = light_in(dyed(tone, grey=True, quality=80))
    assert light.color == 0
    expected = torch.tensor(tone) / torch.tensor(tone).mean()
    torch.testing.assert_close(light.tint, expected, atol=0.05, rtol=0)


@pytest.mark.parametrize("brightness", [1.0, 0.5, 0.25])
def test_a_dim_picture_has_its_colours_too(brightness: float) -> None:
    assert light_in(dyed((brightness,) * 3)).color == 1


def test_in_blue_light_teeth_are_blue_and_in_a_mild_one_hardly() -> None:
    usual, blue, mild = (
        light_in(dyed(light)).tint
        for light in ((1.0, 1.0, 1.0), (0.35, 0.5, 1.2), (0.95, 1.0, 1.1))
    )
    assert float(blue[2]) > 1.5
    assert float(blue[0]) < 0.65
    # Half of it may be the skin's own.
    change = float(mild[2] / mild[0]) / float(usual[2] / usual[0])
    assert 1.04 < change < 1.12


def test_half_of_the_colour_is_half_way_to_grey_of_the_same_brightness() -> None:
    full, none, half = (in_picture((0.6, 0.3, 0.2), color) for color in (1.0, 0.0, 0.5))
    assert none.min() == none.max()
    torch.testing.assert_close(half, (full + none) / 2)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close((full * luma).sum(), (none * luma).sum())
