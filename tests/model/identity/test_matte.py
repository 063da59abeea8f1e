import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.identity.cutout import cut_out
from model.identity.matte import person_matte

SIZE, MASK = 256, 128
FACE = torch.tensor([[x, y] for x in range(100, 157, 4) for y in range(100, 157, 4)])
SKIN, WALL = (210.0, 140.0, 110.0), (30.0, 60.0, 160.0)
_AXIS = torch.arange(SIZE, dtype=torch.float32)


def disc(x: float, y: float, radius: float, softness: float = 1.0) -> Tensor:
    """Alpha (SIZE, SIZE) that falls from 1 to 0 over `softness` pixels each side of a circle."""
    away = ((_AXIS[None] - x) ** 2 + (_AXIS[:, None] - y) ** 2).sqrt()
    return (0.5 - (away - radius) / (2 * softness)).clamp(0, 1)


def picture(alpha: Tensor) -> Tensor:
    """Somebody before a wall, both a little uneven."""
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 3, (SIZE, SIZE, 3))).float()
    mixed = torch.lerp(torch.tensor(WALL), torch.tensor(SKIN), alpha[..., None]) + noise
    return mixed.round().clamp(0, 255).to(torch.uint8)


def coarse(alpha: Tensor, shift: int = 0) -> Tensor:
    """The mask of a network that is `shift` pixels off and has no soft edge."""
    small = torch.nn.functional.avg_pool2d(alpha[None, None], SIZE // MASK)[0, 0]
    return torch.roll((small > 0.5).float() * 0.98 + 0.01, shift, dims=1)


PERSON = disc(128, 128, 80, softness=4)


@pytest.mark.parametrize("shift", [0, 1])
def test_the_edge_is_where_colours_say_and_not_where_the_mask_ends(shift: int) -> None:
    matte = person_matte(picture(PERSON), coarse(PERSON, shift), FACE)
    assert float((matte - PERSON).abs().mean()) < 0.006
    edge = (PERSON > 0.02) & (PERSON < 0.98)
    assert float((matte - PERSON)[edge].abs().mean()) < 0.12
    mask = torch.nn.functional.interpolate(coarse(PERSON, shift)[None, None], (SIZE, SIZE))[0, 0]
    assert float((matte - PERSON).abs().mean()) < 0.5 * float((mask - PERSON).abs().mean())


def test_far_inside_is_all_and_far_outside_nothing() -> None:
    matte = person_matte(picture(PERSON), coarse(PERSON), FACE)
    assert float(matte[disc(128, 128, 70) == 1].min()) == 1
    assert float(matte[disc(128, 128, 90) == 0].max()) == 0


def test_who_stands_apart_is_not_in_it() -> None:
    two = torch.maximum(PERSON, disc(235, 20, 15))
    matte = person_matte(picture(two), coarse(two), FACE)
    assert float(matte[:40, 215:].max()) == 0


def test_a_face_that_the_mask_does_not_know_is_in_it() -> None:
    matte = person_matte(picture(PERSON), torch.full((MASK, MASK), 0.01), FACE)
    assert float(matte[110:146, 110:146].min()) == 1


def composite(person: NDArray[np.floating], ground: float) -> NDArray[np.floating]:
    alpha = person[..., 3:] / 255
    mixed: NDArray[np.floating] = person[..., :3] * alpha + ground * (1 - alpha)
    return mixed


@pytest.mark.parametrize("ground", [0.0, 255.0])
def test_no_wall_is_seen_over_another_ground(ground: float) -> None:
    texture = cut_out(picture(PERSON), coarse(PERSON), FACE).texture
    assert texture.shape == (SIZE, SIZE, 4)
    over = composite(texture.astype(np.float32), ground)
    # On the line from ground to skin, nothing is bluer than red.
    edge = ((PERSON > 0.1) & (PERSON < 0.9)).numpy()
    bluer = (over[..., 2] - over[..., 0])[edge]
    assert bluer.mean() < 0
    assert np.percentile(bluer, 95) < 25
    blue_fringe = composite(
        np.concatenate([picture(PERSON).numpy(), 255 * PERSON[..., None].numpy()], axis=-1), ground
    )
    assert bluer.mean() < (blue_fringe[..., 2] - blue_fringe[..., 0])[edge].mean() - 20


def test_inside_colours_are_the_stills_bit_by_bit() -> None:
    still = picture(PERSON)
    texture = cut_out(still, coarse(PERSON), FACE).texture
    inside = disc(128, 128, 70) == 1
    np.testing.assert_array_equal(texture[inside][:, :3], still[inside])


@pytest.mark.parametrize("ground", ["noise", "flat"])
def test_who_fills_the_picture_is_all_of_it(ground: str) -> None:
    everywhere = torch.ones(SIZE, SIZE)
    shown = picture(everywhere)
    if ground == "flat":
        shown = torch.full_like(shown, 120)
    mask = torch.full((MASK, MASK), 0.99)
    if ground == "flat":
        mask[60:63, 60:63] = 0.7
    matte = person_matte(shown, mask, FACE)
    assert float(matte.min()) > 0.95
