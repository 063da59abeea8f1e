"""What a face has to show to be animated: its mouth, its lids, its chin, and its eyes."""

import numpy as np
import torch
from numpy.typing import NDArray

from model.identity.eyes import build_eyes
from model.identity.topology import JAW, LIDS, LIPS

# How far beyond the picture's edge landmarks may lie, in face widths. A chin that is cut off a
# little goes on below the edge; lips and lids are drawn anew and have to be there.
_BEYOND, _CHIN_BEYOND = 0.0, 0.05
_PARTS = (
    ("mouth", LIPS, _BEYOND),
    ("eyes", tuple(LIDS), _BEYOND),
    ("chin", JAW, _CHIN_BEYOND),
)
# Opening of the wider of both eyes over its width. Closed ones cannot be opened: what is behind
# lids that were never up is unknown.
_LEAST_OPENING = 0.12


def what_is_missing(
    landmarks: NDArray[np.float32], size: tuple[int, int], face_px: float
) -> str | None:
    """Say what the face with these landmarks (478, 3) in pixels does not show, and what to do.

    size: of the picture; face_px: the face's width in it. None when nothing is missing.
    """
    points = landmarks[:, :2]
    for name, part, share in _PARTS:
        own, allowed = points[list(part)], share * face_px
        if (own < -allowed).any() or (own > np.array(size) + allowed).any():
            return (
                f"the picture does not show all of the face, its {name} beyond the edge: "
                "use one with the whole face and some room around it"
            )
    eyes = build_eyes(torch.from_numpy(points))
    opening = float(((eyes.lower - eyes.upper).amax(dim=1) / eyes.width).max())
    if opening < _LEAST_OPENING:
        return "the eyes are closed: use a picture with open eyes"
    return None
