from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.frames.renderer import Renderer
from model.identity.eyes import build_eyes
from model.identity.identity import Identity, build_identity
from model.identity.topology import LOWER_LIDS, UPPER_LIDS
from model.motion.face import FaceMotion
from tests.model.frames.motions import at_rest, moved, opened, parted, stacked
from tests.model.identity.astronaut import encode, identity, picture, space

LIVELY = [
    moved(opened(0.12), rotation=(0.05, 0.2, -0.1)),
    moved(parted(0.08), lids=0.6, gaze=(0.08, 0.02), translation=(0.03, -0.02, 0.03)),
    moved(lids=1.0, rotation=(-0.1, -0.2, 0.2)),
]


def draw(motion: FaceMotion, breath: float = 0.0) -> NDArray[np.uint8]:
    """The only frame of a motion."""
    frame: NDArray[np.uint8] = Renderer().render(identity(), motion, torch.tensor([breath]))[0]
    return frame


def box(center: NDArray[np.float32], half: tuple[float, float]) -> tuple[slice, slice]:
    (x, y), (dx, dy) = center, half
    return slice(int(y - dy), int(y + dy) + 1), slice(int(x - dx), int(x + dx) + 1)


def mouth_box() -> tuple[slice, slice]:
    center = identity().landmarks[[13, 14], :2].mean(axis=0)
    scale = identity().rig.scale
    return box(center + np.array([0, 0.06 * scale]), (0.1 * scale, 0.1 * scale))


def dark_pixels(frame: NDArray[np.uint8]) -> int:
    return int((frame[mouth_box()].mean(axis=-1) < 60).sum())  # a third of the skin


def eye_box(side: int) -> tuple[slice, slice]:
    eyes = identity().eyes
    opening = float((eyes.lower - eyes.upper)[side].max())
    middle = eyes.centers[side].numpy()
    middle = middle + np.array([0, float((eyes.lower + eyes.upper)[side, 64]) / 2])
    return box(middle, (0.25 * float(eyes.width[side]), 0.25 * opening))


def test_at_rest_the_still_is_drawn_bit_by_bit() -> None:
    np.testing.assert_array_equal(draw(at_rest()), identity().still)


def test_any_size_draws_its_still() -> None:
    small = build_identity(encode(picture()), space().template, space().neutralize, 256)
    frames = Renderer().render(small, at_rest())
    assert frames.shape == (1, 256, 256, 3)
    np.testing.assert_array_equal(frames[0], small.still)


def test_no_frames_are_no_work() -> None:
    nothing = FaceMotion(
        torch.zeros(0, 478, 3),
        torch.zeros(0, 2),
        torch.zeros(0, 2),
        torch.zeros(0, 3),
        torch.zeros(0, 3),
    )
    assert Renderer().render(identity(), nothing).shape == (0, 512, 512, 3)


def test_a_batch_draws_what_single_frames_draw() -> None:
    batch = Renderer().render(identity(), stacked(LIVELY), torch.tensor([0.3, -1.0, 1.0]))
    singles = [draw(m, b) for m, b in zip(LIVELY, (0.3, -1.0, 1.0), strict=True)]
    difference = np.abs(batch.astype(int) - np.stack(singles).astype(int))
    # Patches are as large as the widest mouth of a batch; where they end, sheets all but agree.
    assert difference.max() <= 8
    assert difference.mean() < 0.01


def test_the_background_stands_still() -> None:
    rig = identity().rig
    moving = (rig.head_weight > 0) | (rig.breath.abs().sum(dim=0) > 0)
    spread = torch.nn.functional.max_pool2d(moving[None, None].float(), 5, 1, 2)
    whole = torch.nn.functional.interpolate(spread, (512, 512), mode="nearest")[0, 0].numpy() > 0
    assert (~whole).mean() > 0.02
    for motion in LIVELY:
        np.testing.assert_array_equal(draw(motion, 1.0)[~whole], identity().still[~whole])


def test_a_closed_mouth_shows_no_cavity_and_an_opening_one_ever_more() -> None:
    counts = [dark_pixels(draw(moved(opened(gap)))) for gap in (0.0, 0.05, 0.1, 0.16)]
    assert counts[0] == 0
    assert counts[0] < counts[1] < counts[2] < counts[3]


def test_lips_that_all_but_meet_show_no_teeth() -> None:
    closed, touching = draw(at_rest()), draw(moved(opened(0.003)))
    difference = np.abs(closed.astype(int) - touching.astype(int))[mouth_box()]
    assert difference.max() < 40


def test_little_light_falls_into_a_mouth_that_is_hardly_open() -> None:
    """The same upper teeth, as deep under the same lip."""
    scale = identity().rig.scale
    center = identity().landmarks[13, :2] + np.array([0, 0.011 * scale])
    teeth = box(center, (0.03 * scale, 0.004 * scale))
    narrow, wider, wide = (
        float(draw(moved(opened(gap)))[teeth].mean()) for gap in (0.04, 0.06, 0.09)
    )
    assert narrow < wider < wide
    assert narrow < 0.85 * wide


def test_a_parted_lower_lip_has_no_rim_of_the_upper_ones_colour() -> None:
    lips = identity().mouth.lips
    values = lips.values.clone()
    values[:, :3] = torch.where(
        lips.values[:, 3:4] > 0, torch.tensor([0.0, 200, 0])[:, None, None], values[:, :3]
    )
    mouth = replace(identity().mouth, lips=replace(lips, values=values))
    frame = Renderer().render(replace(identity(), mouth=mouth), moved(opened(0.1)))[0]
    row, column = (int(v) for v in identity().landmarks[[13, 14], :2].mean(axis=0)[::-1])
    below = frame[row + 6 : row + 40, column].astype(int)
    assert (below[:, 1] <= below[:, 0]).all()


def test_the_upper_lip_bares_teeth_that_stay_with_the_skull() -> None:
    bared = draw(moved(parted(0.12)))
    row, column = (int(v) for v in identity().landmarks[[13, 14], :2].mean(axis=0)[::-1])
    teeth = bared[row - 4 : row, column - 8 : column + 9].reshape(-1, 3).astype(float)
    assert teeth.mean() > 110
    # Grey, where the closed lips are red.
    lips = identity().still[row + 3 : row + 7, column - 8 : column + 9].reshape(-1, 3).astype(float)
    assert (teeth.min(axis=1) / teeth.max(axis=1)).mean() > (lips[:, 1] / lips[:, 0]).mean()


def test_the_jaw_pulls_the_chin_over_a_still_collar() -> None:
    rig = identity().rig
    dropped = draw(moved(opened(0.12)))
    x, y = identity().landmarks[152, :2].astype(int)
    assert (
        np.abs(dropped[y - 4 : y + 8, x].astype(int) - identity().still[y - 4 : y + 8, x]).max()
        > 20
    )
    below = min(int(y + 0.8 * rig.scale), 511)
    np.testing.assert_array_equal(dropped[below], identity().still[below])


@pytest.mark.parametrize("side", [0, 1])
def test_closed_eyes_show_neither_white_nor_iris(side: int) -> None:
    place = eye_box(side)
    spread = [draw(moved(lids=c))[place].mean(axis=-1).std() for c in (0.0, 1.0)]
    assert spread[1] < 0.6 * spread[0]


@pytest.mark.parametrize("side", [0, 1])
def test_a_blink_of_narrow_eyes_leaves_what_is_below_the_brow_alone(side: int) -> None:
    """Rims of glasses run there."""
    landmarks = torch.from_numpy(identity().landmarks[:, :2]).clone()
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        landmarks[list(upper)] = torch.lerp(landmarks[list(lower)], landmarks[list(upper)], 0.4)
    narrow = replace(identity(), eyes=build_eyes(landmarks))
    opening = float((narrow.eyes.lower - narrow.eyes.upper)[side].max())
    lid = float(landmarks[list(UPPER_LIDS[side]), 1].min())
    x, top = int(narrow.eyes.centers[side, 0]), int(landmarks[[52, 282][side], 1])
    place = (slice(top, int(lid - 1.4 * opening)), slice(x - 10, x + 11))
    blinked = Renderer().render(narrow, moved(lids=1.0))[0]
    assert place[0].stop - top > 10
    np.testing.assert_array_equal(blinked[place], identity().still[place])


@pytest.mark.parametrize("side", [0, 1])
def test_gaze_carries_the_iris(side: int) -> None:
    def darkness(frame: NDArray[np.uint8]) -> float:
        weight = 255 - frame[eye_box(side)].mean(axis=-1)
        weight = (weight - np.quantile(weight, 0.6)).clip(0)
        return float((weight.sum(axis=0) * np.arange(weight.shape[1])).sum() / weight.sum())

    left, middle, right = (darkness(draw(moved(gaze=(g, 0.0)))) for g in (-0.1, 0.0, 0.1))
    assert left < middle - 1 < right - 2


def test_the_head_goes_where_it_is_told() -> None:
    scale = identity().rig.scale
    shifted = draw(moved(translation=(6 / scale, 4 / scale, 0.0)))
    rows, columns = box(identity().landmarks[5, :2], (30, 20))
    there = shifted[rows.start + 4 : rows.stop + 4, columns.start + 6 : columns.stop + 6]
    expected = identity().still[rows, columns]
    assert np.abs(there.astype(int) - expected).mean() < 1


def test_breath_lifts_the_shoulders_and_not_the_face() -> None:
    frame = draw(at_rest(), 1.0)
    x, y = identity().landmarks[1, :2].astype(int)
    face = (slice(y - 60, y + 20), slice(x - 40, x + 40))
    np.testing.assert_array_equal(frame[face], identity().still[face])
    assert np.abs(frame[-60:].astype(int) - identity().still[-60:]).max() > 10


def test_moving_does_not_soften_the_picture() -> None:
    def detail(frame: NDArray[np.uint8]) -> float:
        x, y = identity().landmarks[10, :2].astype(int)
        hair = frame[y - 60 : y, x - 40 : x + 40].mean(axis=-1)
        return float(np.abs(np.diff(hair, axis=1)).mean())

    scale = identity().rig.scale
    between = draw(moved(translation=(0.5 / scale, 0.5 / scale, 0.0)))
    assert detail(between) > 0.9 * detail(identity().still)


def test_the_identity_is_not_touched_by_drawing() -> None:
    mine: Identity = identity()
    before = mine.texture.copy()
    for motion in LIVELY:
        draw(motion, 1.0)
    np.testing.assert_array_equal(before, mine.texture)
    np.testing.assert_array_equal(draw(at_rest()), mine.still)
