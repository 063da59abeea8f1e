"""Motions to draw: at rest, a head moved, a mouth opened."""

import torch
from torch import Tensor

from model.identity.topology import JAW, LOWER_LIP, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from model.motion.face import FaceMotion


def moved(
    deltas: Tensor | None = None,
    lids: float = 0.0,
    gaze: tuple[float, float] = (0.0, 0.0),
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0),
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> FaceMotion:
    """One frame."""
    return FaceMotion(
        deltas=torch.zeros(1, 478, 3) if deltas is None else deltas,
        lid_closure=torch.full((1, 2), lids),
        gaze=torch.tensor([gaze]),
        rotation=torch.tensor([rotation]),
        translation=torch.tensor([translation]),
    )


def at_rest() -> FaceMotion:
    """One frame of the neutral face."""
    return moved()


def opened(gap: float) -> Tensor:
    """Displacements (1, 478, 3) of a lower lip and jaw that drop by `gap` face widths."""
    deltas = torch.zeros(1, 478, 3)
    deltas[:, [*LOWER_LIP, *JAW], 1] = gap
    # The corners hold the lips together; beside them the gap is smaller.
    for ring in LOWER_LIP_RINGS:
        for step, point in enumerate(ring[1:-1]):
            deltas[:, point, 1] = gap * (1 - abs(step - 4) / 5)
    return deltas


def parted(gap: float) -> Tensor:
    """Displacements of an upper lip that lifts and a lower one that drops by half of `gap`."""
    deltas = opened(gap / 2)
    for ring in UPPER_LIP_RINGS:
        for step, point in enumerate(ring[1:-1]):
            deltas[:, point, 1] = -gap / 2 * (1 - abs(step - 4) / 5)
    return deltas


def stacked(motions: list[FaceMotion]) -> FaceMotion:
    """Several motions as one batch."""
    return FaceMotion(
        *(
            torch.cat([getattr(motion, name) for motion in motions])
            for name in ("deltas", "lid_closure", "gaze", "rotation", "translation")
        )
    )
