import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from model.identity.identity import build_identity
from model.identity.portrait import read_portrait
from model.identity.softness import measure_softness
from tests.model.identity.astronaut import encode, identity, picture, space

portrait = read_portrait(encode(picture()), 512)
landmarks = torch.from_numpy(portrait.landmarks)[:, :2]


@pytest.mark.parametrize("deviation_px", [0.7, 1.0, 1.4])
def test_blur_is_measured_in_pixels(deviation_px: float) -> None:
    # At half the size the picture is sharp.
    small = np.asarray(portrait.image.resize((256, 256), Image.Resampling.BICUBIC))
    blurred = cv2.GaussianBlur(small, (0, 0), deviation_px).astype(np.uint8)
    assert measure_softness(blurred, landmarks / 2) == pytest.approx(deviation_px, abs=0.25)


def test_a_sharper_picture_is_less_soft() -> None:
    sharper = portrait.image.resize((256, 256), Image.Resampling.BICUBIC)
    softness = measure_softness(np.asarray(portrait.image), landmarks)
    assert measure_softness(np.asarray(sharper), landmarks / 2) < softness - 0.2


def test_a_face_without_detail_counts_as_sharp() -> None:
    assert measure_softness(np.full((512, 512, 3), 200, np.uint8), landmarks) == 0


def test_teeth_and_lips_edges_are_as_soft_as_the_portrait() -> None:
    soft_picture = picture().filter(ImageFilter.GaussianBlur(1.5))
    soft = build_identity(encode(soft_picture), space().template, space().neutralize).mouth
    sharp = identity().mouth

    def steepest(values: torch.Tensor) -> float:
        return float(values[0, 3].diff(dim=0).abs().max())

    assert steepest(soft.lower_teeth.values) < 0.8 * steepest(sharp.lower_teeth.values)
    assert soft.edge_px > sharp.edge_px
