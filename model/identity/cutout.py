"""The person without the background: a soft matte, and colours that know no background."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.identity.matte import person_matte

# Colours first come from far, to be there at all, then from near: how many times coarser, and how
# many of those pixels around.
_REACHES = ((16, 3), (4, 2), (2, 1))


@dataclass(frozen=True)
class Cutout:
    """texture: (size_px, size_px, 4) uint8, the person's own colour and its matte, 0..255.

    Where the matte is full, colours are the still's; beyond the person they go on.
    """

    texture: NDArray[np.uint8]


def cut_out(still: Tensor, mask: Tensor, face: Tensor) -> Cutout:
    """Cut the person out of a still (h, w, 3) uint8; see `person_matte`."""
    matte = person_matte(still, mask, face)[None, None]
    color = _foreground(still.permute(2, 0, 1)[None].float(), matte)
    planes = torch.cat([color, 255 * matte], dim=1)[0]
    return Cutout(planes.permute(1, 2, 0).round().to(torch.uint8).contiguous().numpy())


def _foreground(color: Tensor, matte: Tensor) -> Tensor:
    """What the person's colour is where it is mixed with the background's.

    Blur fusion, again and again (Forte 2021, "Approximate Fast Foreground Colour Estimation").
    """
    person, background = color, color
    for coarser, radius in _REACHES:
        near = _near(person, matte, coarser, radius)
        background = _near(background, 1 - matte, coarser, radius)
        missing = color - matte * near - (1 - matte) * background
        person = (near + matte * missing).clamp(0, 255)
    return person


def _near(color: Tensor, weight: Tensor, coarser: int, radius: int) -> Tensor:
    """Weighted mean of the colours around; where there is no weight around, the colour itself."""
    size = color.shape[-1]
    # So little that it counts only where nothing else does.
    seen = torch.cat([color * (weight + 1e-3), weight + 1e-3], dim=1)
    small = functional.interpolate(seen, (size // coarser,) * 2, mode="bilinear", antialias=True)
    sums = functional.avg_pool2d(small, 2 * radius + 1, 1, radius, count_include_pad=False)
    wide = functional.interpolate(sums, (size, size), mode="bilinear")
    return wide[:, :-1] / wide[:, -1:]
