"""Half of an identity draws what the whole does: the same face, in the same place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.frames.renderer import Renderer
from model.identity.half import halve
from model.motion.face import FaceMotion
from tests.model.frames.motions import at_rest, moved, opened, parted
from tests.model.identity.astronaut import identity

MOTIONS = [
    at_rest(),
    moved(opened(0.12), rotation=(0.05, 0.2, -0.1)),
    moved(parted(0.08), lids=0.6, gaze=(0.08, 0.02), translation=(0.03, -0.02, 0.03)),
    moved(lids=1.0, rotation=(-0.1, -0.2, 0.2)),
]


@pytest.mark.parametrize("motion", MOTIONS)
def test_every_pixel_is_four_of_the_whole_s(motion: FaceMotion) -> None:
    renderer, breath = Renderer(), torch.tensor([0.7])
    whole = renderer.render(identity(), motion, breath)[0].astype(float)
    size = identity().size_px // 2
    expected = whole.reshape(size, 2, size, 2, 3).mean(axis=(1, 3))
    half = renderer.render(halve(identity()), motion, breath)[0].astype(float)
    assert half.shape == (size, size, 3)
    error = np.abs(half - expected)
    assert np.sqrt(np.mean(error**2)) < 2.5
    # One pixel aside it is many times worse, so it is in its place.
    aside = np.abs(np.roll(half, 1, axis=1) - expected)
    assert error[8:-8, 8:-8].mean() < 0.2 * aside[8:-8, 8:-8].mean()


def test_the_person_alone_is_half_as_large_too() -> None:
    renderer, motion = Renderer(), MOTIONS[1]
    whole = renderer.cut_out(identity(), motion, renderer.render(identity(), motion))[0]
    half = halve(identity())
    cutout = renderer.cut_out(half, motion, renderer.render(half, motion))[0]
    expected = whole[..., 3].reshape(half.size_px, 2, half.size_px, 2).mean(axis=(1, 3))
    assert np.abs(cutout[..., 3] - expected).mean() < 1


def test_at_rest_it_is_its_still_and_its_landmarks_are_on_the_same_face() -> None:
    half = halve(identity())
    drawn = Renderer().render(half, at_rest())[0].astype(int)
    assert np.abs(drawn - half.still).mean() < 0.01
    np.testing.assert_allclose(2 * half.landmarks[:, :2] + 0.5, identity().landmarks[:, :2], 1e-4)


def test_an_odd_size_has_no_half() -> None:
    with pytest.raises(ValueError, match="size_px is 511, expected an even number"):
        halve(replace(identity(), size_px=511))
