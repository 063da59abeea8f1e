"""The motion space: layout, decoding, and taking an expression off a face."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.avatar import DEFAULT_WEIGHTS
from model.motion.expression import EXPRESSIONS, expression_offsets
from model.motion.space import INNER_LIP_PAIRS, MotionSpace


@pytest.fixture(scope="module")
def shipped() -> MotionSpace:
    """The space that comes with the product."""
    return MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")


def test_groups_follow_each_other_without_gap(space: MotionSpace) -> None:
    groups = [space.mouth, space.brows, space.lids, space.gaze, space.head]
    covered = [i for group in groups for i in range(group.start, group.stop)]
    assert covered == list(range(space.dim))


def test_decoding_gives_each_group_its_meaning(space: MotionSpace) -> None:
    motion = torch.zeros(1, space.dim)
    motion[0, 1] = 2.0
    motion[0, space.head] = 1.0
    face = space.decode(motion)
    torch.testing.assert_close(face.deltas[0], 2 * space.mouth_basis[1])
    torch.testing.assert_close(face.rotation[0], torch.tensor([5.0, 6.0, 7.0]))
    torch.testing.assert_close(face.translation[0], torch.tensor([8.0, 9.0, 10.0]))
    assert not face.lid_closure.any()


def test_saved_space_comes_back_whatever_its_strides(space: MotionSpace, tmp_path: Path) -> None:
    transposed = space.mouth_basis.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    strided = MotionSpace(
        space.template, transposed, space.brow_basis, space.scale, space.neutral_gain
    )
    strided.save(tmp_path / "space.safetensors")
    loaded = MotionSpace.load(tmp_path / "space.safetensors")
    torch.testing.assert_close(loaded.mouth_basis, space.mouth_basis)


def test_an_open_smile_is_mostly_taken_off(shipped: MotionSpace) -> None:
    coefficients = torch.zeros(1, shipped.dim)
    coefficients[0, :2] = torch.tensor([1.5, -1.5])
    expression = shipped.decode(coefficients).deltas[0].numpy()
    neutral = shipped.neutralize(shipped.template + expression)
    before = np.linalg.norm(expression)
    assert np.linalg.norm(neutral - shipped.template) < 0.35 * before


def test_expressions_keep_closed_lips_closed(shipped: MotionSpace) -> None:
    for name, offset in expression_offsets(shipped).items():
        deltas = shipped.decode(offset[None]).deltas[0]
        gaps = [float(deltas[low, 1] - deltas[up, 1]) for up, low in INNER_LIP_PAIRS]
        assert max(map(abs, gaps)) < 0.006, name


def test_expressions_move_the_face_their_way(shipped: MotionSpace) -> None:
    offsets = expression_offsets(shipped)
    assert set(offsets) == set(EXPRESSIONS)
    moved = {name: shipped.decode(offset[None]) for name, offset in offsets.items()}
    corner, brow = 61, 105
    assert moved["happy"].deltas[0, corner, 1] < -0.01 < 0.01 < moved["sad"].deltas[0, corner, 1]
    assert moved["surprised"].deltas[0, brow, 1] < -0.02 < 0.01 < moved["angry"].deltas[0, brow, 1]
    assert moved["surprised"].lid_closure[0, 0] < 0
    assert not moved["neutral"].deltas.any()
