"""The square around the mouth: fixed to the skull; its locator is where the lips part."""

import math

import numpy as np
import torch

from model.frames.mouth_crop import MouthCrop
from model.frames.warp import head_motion
from model.motion.face import FaceMotion
from tests.model.frames.motions import at_rest, moved, opened
from tests.model.identity.astronaut import identity

SIZE = 96


def follow(motion: FaceMotion) -> MouthCrop:
    rig = identity().rig
    return MouthCrop.follow(rig, identity().mouth, head_motion(rig, motion), motion)


def rest() -> MouthCrop:
    return follow(at_rest())


def test_mouth_is_in_its_middle() -> None:
    lips = torch.from_numpy(identity().landmarks[[13, 14], :2]).mean(dim=0)
    away = (rest().center[0] - lips).norm()
    assert away < 0.05 * identity().rig.scale
    assert torch.isclose(rest().across[0].norm(), torch.tensor(0.28 * identity().rig.scale))


def test_turns_and_grows_with_the_head() -> None:
    motion = moved(rotation=(0.0, 0.0, 0.2), translation=(0.0, 0.0, math.log(1.1)))
    crop = follow(motion)
    torch.testing.assert_close(crop.across.norm(), 1.1 * rest().across.norm())
    before, after = (torch.atan2(c.across[0, 1], c.across[0, 0]) for c in (rest(), crop))
    assert math.isclose(float(after - before), 0.2, abs_tol=0.02)


def test_what_is_cut_is_laid_where_it_was() -> None:
    """A change is found again at the place in the square where it was made."""
    pixels = np.full((1, 512, 512, 3), 100, np.uint8)
    change = torch.zeros(1, 3, SIZE, SIZE)
    change[:, :, 30:50, 20:40] = 0.4
    rest().add(pixels, change)
    again = rest().cut(pixels, SIZE) - (100 / 127.5 - 1)
    assert torch.allclose(again[..., 33:47, 23:37], torch.tensor(0.4), atol=0.02)
    assert again[..., :25, :].abs().max() < 0.01
    assert again[..., :, 45:].abs().max() < 0.01


def test_a_square_over_the_edge_of_the_picture_is_cut_and_laid() -> None:
    crop = MouthCrop(torch.tensor([[3.0, 510.0]]), torch.tensor([[40.0, 10.0]]), rest().lips)
    pixels = np.full((1, 512, 512, 3), 100, np.uint8)
    assert crop.cut(pixels, SIZE).shape == (1, 3, SIZE, SIZE)
    crop.add(pixels, torch.full((1, 3, SIZE, SIZE), 0.4))
    assert pixels[0, 505, 5].tolist() == [151] * 3
    assert pixels[0, 300, 300].tolist() == [100] * 3


def test_lips_that_meet_are_left_alone() -> None:
    assert rest().locate(SIZE).max() < 0.05


def test_locator_is_the_opening_and_grows_with_it() -> None:
    slightly, wide = (follow(moved(opened(gap))).locate(SIZE)[0, 0] for gap in (0.05, 0.15))
    assert slightly.max() == wide.max() == 1
    assert wide.sum() > 1.5 * slightly.sum()
    assert slightly[SIZE // 2, SIZE // 2] == 1


def test_locator_is_nothing_at_the_rim() -> None:
    share = follow(moved(opened(0.5))).locate(SIZE)[0, 0]
    rim = torch.cat([share[0], share[-1], share[:, 0], share[:, -1]])
    assert rim.max() < 0.02


def test_locator_stays_on_the_lips_when_the_head_moves() -> None:
    turned = moved(opened(0.1), rotation=(0.0, 0.0, 0.2), translation=(0.1, 0.05, 0.1))
    difference = follow(turned).locate(SIZE) - follow(moved(opened(0.1))).locate(SIZE)
    assert difference.abs().mean() < 0.01
