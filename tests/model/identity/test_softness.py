import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from model.identity.identity import build_identity
from model.identity.picture import PortraitError
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


@pytest.mark.parametrize("deviation_px", [2.0, 3.0, 5.0])
def test_much_blur_is_measured_though_the_codec_left_noise_in_it(deviation_px: float) -> None:
    # At a quarter of its size the picture is sharp; at that of the test, too.
    sharp = portrait.image.resize((128, 128), Image.Resampling.BOX).resize((512, 512))
    own_px = measure_softness(np.asarray(sharp), landmarks)
    blurred = sharp.filter(ImageFilter.GaussianBlur(deviation_px))
    coded = io.BytesIO()
    blurred.save(coded, "JPEG", quality=75)
    found_px = measure_softness(np.asarray(Image.open(coded)), landmarks)
    assert found_px == pytest.approx(np.hypot(deviation_px, own_px), rel=0.35)


def test_a_face_that_is_too_blurred_is_refused() -> None:
    blurred = encode(picture().filter(ImageFilter.GaussianBlur(6)))
    with pytest.raises(PortraitError, match=r"too blurred.*sharper"):
        build_identity(blurred, space().template, space().neutralize)


def test_the_seam_of_a_blurred_face_is_pale() -> None:
    soft_picture = picture().filter(ImageFilter.GaussianBlur(3))
    soft = build_identity(encode(soft_picture), space().template, space().neutralize).mouth
    assert 0 <= soft.seam < 0.5 * identity().mouth.seam
