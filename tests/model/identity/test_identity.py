import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from model.identity.identity import build_identity, check_pose, rig_portrait
from model.identity.lips import lip_gap
from model.identity.picture import PortraitError
from model.identity.portrait import Portrait, read_portrait
from model.identity.pose import Pose, fit_pose
from model.identity.topology import JAW, LOWER_INNER_LIP, UPPER_INNER_LIP
from tests.model.identity.astronaut import encode, identity, picture, space


def turned(yaw_degrees: float, pitch_degrees: float = 0, roll_degrees: float = 0) -> Pose:
    a, b, c = (math.radians(d) for d in (yaw_degrees, pitch_degrees, roll_degrees))
    roll = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    yaw = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    pitch = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return Pose(roll @ yaw @ pitch, np.zeros(3), 100.0)


def test_the_still_closes_the_mouth_of_a_smile() -> None:
    portrait = read_portrait(encode(picture()), 512)
    teeth = portrait.landmarks[[13, 14], :2].mean(axis=0).round().astype(int)
    seam = identity().landmarks[[13, 14], :2].mean(axis=0).round().astype(int)
    before = np.asarray(portrait.image)[teeth[1], teeth[0]].mean()
    after = identity().still[seam[1], seam[0]].mean()
    assert np.abs(lip_gap(portrait.landmarks)).max() > 8
    assert np.abs(lip_gap(identity().landmarks)).max() < 0.01
    assert before > 150
    assert after < 0.7 * before


def rest_of(portrait: Portrait) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mouth corners (2, 3) in the face's plane: as they came, without expression, and at rest."""
    own = rig_portrait(portrait, space().template, space().neutralize)
    pose = fit_pose(portrait.landmarks, space().template)
    came = pose.to_face(portrait.landmarks)
    # Lids stay as they were, so the pose is taken of the portrait, not of its rest.
    corners = [61, 291]
    rest = pose.to_face(own.landmarks)[corners]
    return came[corners], space().neutralize(came)[corners], rest


def test_at_rest_a_smile_is_half_a_smile() -> None:
    came, bare, rest = rest_of(read_portrait(encode(picture()), 512))
    width = [float(np.linalg.norm(corners[1] - corners[0])) for corners in (came, bare, rest)]
    assert width[0] > 1.1 * width[1]
    assert width[2] == pytest.approx((width[0] + width[1]) / 2, rel=0.01)


def opened(further: float) -> Portrait:
    """The smile, its lower lip and chin lower by so many face widths."""
    portrait = read_portrait(encode(picture()), 512)
    landmarks = portrait.landmarks.copy()
    landmarks[[*LOWER_INNER_LIP[1:-1], *JAW], 1] += further * identity().rig.scale
    return replace(portrait, landmarks=landmarks)


def test_of_a_mouth_wide_open_little_is_kept() -> None:
    def kept(portrait: Portrait) -> float:
        came, bare, rest = rest_of(portrait)
        return float(np.linalg.norm(rest - bare) / np.linalg.norm(came - bare))

    assert kept(opened(0.0)) > 0.45
    assert kept(opened(0.09)) < 0.25


def test_a_mouth_too_wide_open_is_refused_with_what_to_do() -> None:
    with pytest.raises(PortraitError, match=r"open by 2\d% .* at most 18% .* lips nearer together"):
        rig_portrait(opened(0.16), space().template, space().neutralize)


def test_no_white_line_is_left_between_the_lips() -> None:
    line = identity().landmarks[list(UPPER_INNER_LIP[2:-2]), :2]
    rows = line[:, 1].round().astype(int)
    columns = line[:, 0].round().astype(int)
    still = identity().still.astype(float)
    for row, column in zip(rows, columns, strict=True):
        across = still[row - 2 : row + 3, column]
        # Teeth are grey, lips are red.
        assert (across.min(axis=1) / across.max(axis=1)).max() < 0.9


def test_pixels_far_from_the_mouth_are_the_portraits_own() -> None:
    portrait = np.asarray(read_portrait(encode(picture()), 512).image)
    np.testing.assert_array_equal(identity().still[:30], portrait[:30])


def test_the_texture_holds_the_still_and_what_is_between() -> None:
    texture = identity().texture
    assert texture.shape == (1023, 1023, 3)
    np.testing.assert_array_equal(texture[::2, ::2], identity().still)
    row = texture[200:300:2, 200:301].astype(float)
    between, left, right = row[:, 1:-1:2], row[:, :-2:2], row[:, 2::2]
    assert np.abs(between - (left + right) / 2).mean() < 3


def test_the_rig_holds_the_head_and_lets_the_background_go() -> None:
    rig = identity().rig
    x, y = (identity().landmarks[1, :2] / rig.spacing_px).round().astype(int)
    assert float(rig.head_weight[y, x]) == 1
    assert float(rig.head_weight[0, 0]) == 0
    assert float(rig.head_weight[-1, 30]) < 0.3


def test_a_landmark_moves_the_skin_at_its_place() -> None:
    rig, chin = identity().rig, 152
    delta = torch.zeros(478)
    lower_face = [int(i) for i in rig.controls if identity().landmarks[i, 1] > 340]
    delta[lower_face] = 1.0
    moved = (delta[rig.controls] @ rig.face).reshape(rig.face_box.shape)
    x, y = (identity().landmarks[chin, :2] / rig.spacing_px).round().astype(int)
    assert float(moved[y - rig.face_box.top, x - rig.face_box.left]) > 0.8
    assert float(moved[0].abs().max()) < 0.05


def test_upper_and_lower_lip_move_on_their_own() -> None:
    rig = identity().rig
    delta = torch.zeros(478)
    delta[list(LOWER_INNER_LIP[1:-1])] = 1.0
    controls = delta[rig.controls]
    assert float((controls @ rig.upper).abs().max()) == 0
    assert float((controls @ rig.lower).abs().max()) > 0.5


@pytest.mark.parametrize("size_px", [255, 1025])
def test_a_size_out_of_range_is_refused(size_px: int) -> None:
    with pytest.raises(ValueError, match=rf"size_px is {size_px}, expected 256\.\.1024"):
        build_identity(b"", space().template, space().neutralize, size_px)


def test_a_portrait_that_looks_away_is_refused() -> None:
    away = replace(turned(55), translation=np.array([256.0, 256, 0]), scale=200.0)
    landmarks = away.to_picture(space().template).astype(np.float32)
    portrait = Portrait(Image.new("RGB", (512, 512)), landmarks)
    with pytest.raises(PortraitError, match="turned 55 degrees aside"):
        rig_portrait(portrait, space().template, space().neutralize)


def test_a_face_that_looks_away_is_refused() -> None:
    check_pose(turned(35, 20))
    with pytest.raises(PortraitError, match=r"turned 55 degrees aside, at most 40"):
        check_pose(turned(55))
    with pytest.raises(PortraitError, match=r"turned 45 degrees up or down, at most 35"):
        check_pose(turned(0, 45))
    with pytest.raises(PortraitError, match=r"tilted by 180 degrees, at most 50 .* upright"):
        check_pose(turned(0, 0, 180))
