import math

import pytest
import torch
from torch import Tensor

from model.frames.warp import head_motion, move_nodes, way_back
from model.identity.topology import LOWER_LIP
from model.motion.face import FaceMotion
from tests.model.frames.motions import at_rest, moved
from tests.model.identity.astronaut import identity


def grid(steps: int) -> Tensor:
    axis = torch.linspace(-1, 1, steps)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]


def test_without_motion_everything_stays_exactly() -> None:
    targets = grid(33)
    assert torch.equal(way_back(torch.zeros(2, 2, 65, 65), targets), targets.expand(2, -1, -1, -1))


@pytest.mark.parametrize("amplitude", [0.05, 0.15])
def test_the_way_back_undoes_the_way_there(amplitude: float) -> None:
    def field(x: Tensor) -> Tensor:
        return amplitude * torch.stack(
            [torch.sin(2 * x[:, 1]) + 0.3, torch.cos(2 * x[:, 0]) * x[:, 1]], dim=1
        )

    targets = grid(17) * 0.6
    found = way_back(field(grid(129)), targets)
    torch.testing.assert_close(found + field(found), targets, atol=2e-4, rtol=0)


def test_the_head_turns_about_its_centre() -> None:
    rig = identity().rig
    motion = moved(rotation=(0.0, 0.0, math.pi / 12))
    nodes = move_nodes(rig, motion, head_motion(rig, motion), torch.zeros(1))
    column, row = (rig.origin[:2] / rig.spacing_px).round().long().tolist()
    center = nodes.picture[0, :, row, column]
    forehead = nodes.picture[0, :, row - 7, column]
    assert center.abs().max() < 1.5
    # Clockwise in the picture: what is above the centre goes to the right.
    expected = 7 * rig.spacing_px * math.sin(math.pi / 12)
    assert float(forehead[0]) == pytest.approx(expected, abs=2)


def test_only_the_shoulders_breathe() -> None:
    rig = identity().rig
    motion = at_rest()
    nodes = move_nodes(rig, motion, head_motion(rig, motion), torch.ones(1))
    nose = (torch.from_numpy(identity().landmarks[1, :2]) / rig.spacing_px).round().long().tolist()
    lift = -nodes.picture[0, 1]
    assert float(lift[nose[1], nose[0]]) == 0
    assert float(lift[0].abs().max()) == 0
    assert 0.001 < float(lift.max()) / rig.size_px < 0.0061


def test_a_lower_lip_leaves_the_upper_sheet_alone() -> None:
    rig = identity().rig
    deltas = torch.zeros(1, 478, 3)
    deltas[:, list(LOWER_LIP), 1] = 0.1
    still = at_rest()
    motion = FaceMotion(deltas, still.lid_closure, still.gaze, still.rotation, still.translation)
    nodes = move_nodes(rig, motion, head_motion(rig, motion), torch.zeros(1))
    upper, lower = nodes.lips
    assert float(upper.abs().max()) == 0
    assert float(lower[1].max()) > 0.08 * rig.scale
