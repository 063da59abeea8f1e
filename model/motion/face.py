"""What the renderer is told: a face's motion away from the portrait's neutral, in face space."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FaceMotion:
    """Motion of n frames, in face space (see `model.identity.pose`).

    deltas: (n, 478, 3) displacement of each landmark from the face at rest, whose lips are closed,
        without lids, gaze and head; one unit is the face's width.
    lid_closure: (n, 2) right and left eye of the person (image left first); 0 is the portrait's
        neutral opening, 1 is closed, slightly negative is wide open.
    gaze: (n, 2) shift of both irises to the right and down, in widths of the eye.
    rotation: (n, 3) rotation vector of the head in radians (about x, y, z), relative to the
        portrait.
    translation: (n, 3) of the head: right and down in face widths, then the logarithm of its size.
    """

    deltas: Tensor
    lid_closure: Tensor
    gaze: Tensor
    rotation: Tensor
    translation: Tensor


def face_at_rest() -> FaceMotion:
    """One frame of a face that is as in the portrait brought to neutral."""
    return FaceMotion(
        deltas=torch.zeros(1, 478, 3),
        lid_closure=torch.zeros(1, 2),
        gaze=torch.zeros(1, 2),
        rotation=torch.zeros(1, 3),
        translation=torch.zeros(1, 3),
    )
