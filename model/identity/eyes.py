"""What it takes to close an eye: its frame, the lines of its lids, the room for them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.identity.topology import LOWER_LIDS, UPPER_LIDS

_SAMPLES = 129
# The lids meet this share of the opening above the lower lid's line.
LOWER_SHARE = 0.15
# Beside the corners, in widths of the eye.
_MARGIN = 0.35
# The landmarks run along the skin's edge; the lashes' dark line just inside belongs to the lid.
_LASH_SHARE = 0.10
_BROWS = ((52, 53, 65), (282, 283, 295))


@dataclass(frozen=True)
class Eye:
    """One eye in the still, in pixels: axis u from left to right corner, v square to it, down.

    left: (2,) corner on the image's left; direction: (2,) of u; width: of the eye.
    upper, lower: (129,) v of the lids' lines at equal steps of u in 0..width, joined at the ends.
    room_above, room_below: how much skin stretches above and below when the lids move.
    """

    left: Tensor
    direction: Tensor
    width: float
    upper: Tensor
    lower: Tensor
    room_above: float
    room_below: float

    @property
    def center(self) -> Tensor:
        """Middle of the eye (2,)."""
        return self.left + self.direction * (self.width / 2)

    @property
    def half_extent(self) -> tuple[float, float]:
        """Half width and half height of all that the lids move, with the head tilted a little."""
        opening = float((self.lower - self.upper).max())
        height = max(self.room_above, self.room_below) + opening
        return self.width * (0.5 + _MARGIN), height + 0.12 * self.width

    def coordinates(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return (u, v) of points (..., 2)."""
        away = points - self.left
        dx, dy = self.direction
        return away[..., 0] * dx + away[..., 1] * dy, away[..., 1] * dx - away[..., 0] * dy

    def lines(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return v of the upper and the lower lid's line at u; they are one beyond the corners."""
        place = (u / self.width).clamp(0, 1) * (_SAMPLES - 1)
        index = place.floor().long().clamp(max=_SAMPLES - 2)
        part = place - index
        return (
            torch.lerp(self.upper[index], self.upper[index + 1], part),
            torch.lerp(self.lower[index], self.lower[index + 1], part),
        )


def build_eyes(landmarks: Tensor) -> tuple[Eye, Eye]:
    """Measure both eyes, image left first, of landmarks (478, 2) in pixels."""
    first, second = (_build_eye(landmarks, side) for side in (0, 1))
    return first, second


def _build_eye(landmarks: Tensor, side: int) -> Eye:
    upper, lower = landmarks[list(UPPER_LIDS[side])], landmarks[list(LOWER_LIDS[side])]
    left, right = upper[0], upper[-1]
    width = float((right - left).norm())
    direction = (right - left) / width
    bare = Eye(left, direction, width, torch.zeros(0), torch.zeros(0), 0.0, 0.0)
    lid, floor = (_line(*bare.coordinates(points), width) for points in (upper, lower))
    floor = torch.maximum(floor, lid)
    opening = floor - lid
    lid = lid + _LASH_SHARE * opening
    brow = bare.coordinates(landmarks[list(_BROWS[side])])[1].mean()
    widest = float(opening.max())
    room = max(0.75 * float(lid.min() - brow), 1.1 * widest)
    return Eye(left, direction, width, lid, floor, room, max(0.8 * widest, 0.12 * width))


def _line(u: Tensor, v: Tensor, width: float) -> Tensor:
    """Smooth line through (u, v) at equal steps of u in 0..width, zero at both ends."""
    at = torch.linspace(0, width, _SAMPLES)
    inside = v[1:-1]
    # A polynomial times the parabola that vanishes at the corners: smooth, and no wiggles.
    t = u[1:-1] / width
    arch = (t * (1 - t)).clamp(min=0.02)
    powers = torch.stack([arch * t**k for k in range(4)], dim=1)
    weights = torch.linalg.lstsq(powers, inside[:, None]).solution[:, 0]
    s = at / width
    return sum((weights[k] * s * (1 - s) * s**k for k in range(4)), torch.zeros_like(at))
