"""Expressions as steady offsets in the motion space.

Each is told by where a few landmarks go; the motion space fills in the face that does that.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from model.motion.space import INNER_LIP_PAIRS, NUM_LIDS, MotionSpace

Expression = Literal["neutral", "happy", "sad", "angry", "surprised"]
EXPRESSIONS: tuple[str, ...] = get_args(Expression)

# A smile that the portrait came with would be another thing to see beside these.
_CONTRARY = ("sad", "angry")
# Already at this strength they leave nothing of it.
_ALONE_FROM = 0.5

# Landmarks of the image's left half; the right half does the mirrored same.
_MIRROR = {61: 291, 50: 280, 105: 334, 107: 336, 70: 300}
_MOUTH_CORNER, _CHEEK, _BROW, _INNER_BROW, _OUTER_BROW = _MIRROR
# Displacements (right, down) in face widths at full strength, and how far the lids close.
_MOVES: dict[str, tuple[dict[int, tuple[float, float]], float]] = {
    "neutral": ({}, 0.0),
    "happy": ({_MOUTH_CORNER: (-0.04, -0.035), _CHEEK: (0.0, -0.012), _BROW: (0, -0.01)}, 0.12),
    "sad": ({_MOUTH_CORNER: (0.008, 0.022), _INNER_BROW: (0, -0.02), _OUTER_BROW: (0, 0.01)}, 0.15),
    "angry": ({_MOUTH_CORNER: (0.01, 0.01), _INNER_BROW: (0.008, 0.028), _BROW: (0, 0.02)}, 0.08),
    "surprised": ({_BROW: (0, -0.045), _INNER_BROW: (0, -0.04), _OUTER_BROW: (0, -0.04)}, -0.3),
}
# How strongly coefficients are kept small, and how strongly the lips are kept together.
_RIDGE = 1e-4
_CONTACT_WEIGHT = 3.0


def expression_offsets(space: MotionSpace) -> dict[str, Tensor]:
    """Motion vector (M,) of every expression at full strength."""
    return {name: _offset(space, *_MOVES[name]) for name in EXPRESSIONS}


def share_put_aside(expression: str, strength: float) -> float:
    """How far a portrait's own expression makes way for another, 0..1; `strength` is 0..1."""
    return min(1.0, strength / _ALONE_FROM) if expression in _CONTRARY else 0.0


def _offset(space: MotionSpace, moves: dict[int, tuple[float, float]], lids: float) -> Tensor:
    basis = torch.cat([space.mouth_basis, space.brow_basis])[..., :2]
    rows, targets = [], []
    for landmark, (right, down) in moves.items():
        for index, move in ((landmark, (right, down)), (_MIRROR[landmark], (-right, down))):
            rows.append(basis[:, index].T)
            targets.append(torch.tensor(move))
    for upper, lower in INNER_LIP_PAIRS:
        rows.append(_CONTACT_WEIGHT * (basis[:, lower] - basis[:, upper])[:, 1:].T)
        targets.append(torch.zeros(1))
    a, b = torch.cat(rows), torch.cat(targets)
    shape = torch.linalg.solve(a.T @ a + _RIDGE * torch.eye(a.shape[1]), a.T @ b)
    offset = torch.zeros(space.dim)
    offset[: len(shape)] = shape
    offset[space.lids] = lids / space.scale[:NUM_LIDS]
    return offset
