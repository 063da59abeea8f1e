import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.frames.portrait_head import with_its_room, with_its_tilt
from model.frames.renderer import Renderer
from model.frames.warp import head_motion
from model.identity.identity import Identity, build_identity
from model.identity.portrait import find_face
from model.identity.rig import Rig
from model.motion.gaze import counter_rotation
from tests.model.frames.motions import moved
from tests.model.identity.astronaut import encode, identity, picture, space


def tight() -> Identity:
    """Hardly more than the face."""
    large = picture().resize((1152, 1152))
    face = find_face(large)[:, :2]
    low, high = face.min(axis=0), face.max(axis=0)
    margin = 0.1 * (high[0] - low[0])
    box = (low[0] - margin, low[1] - margin, high[0] + margin, high[1] + margin)
    cut = large.crop(tuple(round(float(side)) for side in box))  # type: ignore[arg-type]
    return build_identity(encode(cut), space().template, space().neutralize)


def rolled(degrees: float) -> Rig:
    """The astronaut's rig, of a head that is tilted so far, but looks straight ahead."""
    a = math.radians(degrees)
    turn = [[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]]
    return replace(identity().rig, rotation=torch.tensor(turn))


@pytest.mark.parametrize("roll", [-40.0, 0.0, 25.0])
def test_a_tilted_head_nods_and_shifts_along_its_own_face(roll: float) -> None:
    rig = rolled(roll)
    face = moved(rotation=(0.2, 0.0, 0.0), translation=(0.0, 0.1, 0.05))
    own = with_its_tilt(rig, face)
    head = head_motion(rig, own)
    in_face = rig.rotation.T @ head.rotation[0] @ rig.rotation
    torch.testing.assert_close(in_face, head_motion(rig, face).rotation[0])
    shift = rig.rotation.T[:2, :2] @ own.translation[0, :2]
    torch.testing.assert_close(shift, face.translation[0, :2])
    assert own.translation[0, 2] == face.translation[0, 2]


def test_with_room_all_of_a_motion_is_done() -> None:
    motion = torch.randn(3, space().dim + 2, generator=torch.Generator().manual_seed(0))
    free = replace(identity().rig, head_gain=1.0)
    assert torch.equal(with_its_room(free, motion, space()), motion)


def test_without_room_a_head_moves_less_and_eyes_turn_less_against_it() -> None:
    motion = torch.randn(3, space().dim + 2, generator=torch.Generator().manual_seed(0))
    before = motion.clone()
    found = with_its_room(replace(identity().rig, head_gain=0.25), motion, space())
    assert torch.equal(motion, before)
    head, gaze = space().head, space().gaze
    torch.testing.assert_close(found[:, head], 0.25 * motion[:, head])
    # What they look at besides stays.
    besides = motion[:, gaze] - counter_rotation(motion[:, head])
    torch.testing.assert_close(found[:, gaze] - counter_rotation(found[:, head]), besides)
    others = [i for i in range(motion.shape[1]) if not gaze.start <= i < head.stop]
    assert torch.equal(found[:, others], motion[:, others])


def test_the_nearer_the_edge_the_less_room() -> None:
    rig = tight().rig
    assert 0.15 <= rig.head_gain < 0.3
    assert identity().rig.head_gain > 0.8


def test_an_edge_that_cuts_the_forehead_holds_it() -> None:
    """What is beyond it was seen as in a mirror."""
    own = tight()
    frame = Renderer().render(own, moved(rotation=(0.1, 0.0, 0.0), translation=(0.0, 0.05, 0.0)))[0]
    forehead = slice(100, 400)
    np.testing.assert_array_equal(frame[0, forehead], own.still[0, forehead])
    assert np.abs(frame[256].astype(int) - own.still[256]).mean() > 2
    aside = Renderer().render(own, moved(translation=(0.05, 0.0, 0.0)))[0]
    shift = round(0.05 * own.rig.scale)
    there = slice(forehead.start + shift, forehead.stop + shift)
    assert np.abs(aside[0, there].astype(int) - own.still[0, forehead]).mean() < 2
