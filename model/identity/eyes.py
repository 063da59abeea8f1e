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
# How high above the upper lid its skin stretches, in openings: it has to be more than the lid's
# travel, or the skin folds. Up to the brows, it would bend the rims of glasses with each blink.
_ROOM_ABOVE = 1.1


@dataclass(frozen=True)
class Eyes:
    """Both eyes in the still, the image's left one first, in pixels.

    Each has its own axes: u from its left to its right corner, v square to it, down.
    left: (2, 2) its corner on the image's left; direction: (2, 2) of u; width: (2,).
    upper, lower: (2, 129) v of the lids' lines at equal steps of u in 0..width, joined at the ends.
    room_above, room_below: (2,) how much skin stretches above and below when the lids move.
    """

    left: Tensor
    direction: Tensor
    width: Tensor
    upper: Tensor
    lower: Tensor
    room_above: Tensor
    room_below: Tensor

    @property
    def centers(self) -> Tensor:
        """Their middles (2, 2)."""
        return self.left + self.direction * (self.width[:, None] / 2)

    @property
    def half_extent(self) -> tuple[float, float]:
        """Half width and half height of all that the lids move, with the head tilted a little."""
        opening = (self.lower - self.upper).amax(dim=1)
        height = torch.maximum(self.room_above, self.room_below) + opening + 0.12 * self.width
        return float(self.width.max()) * (0.5 + _MARGIN), float(height.max())

    def coordinates(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return u and v, each (2, ...), of points (2, ...) about each eye."""
        sides = (2,) + (1,) * (x.dim() - 1)
        corner_x, corner_y = (self.left[:, axis].reshape(sides) for axis in (0, 1))
        dx, dy = (self.direction[:, axis].reshape(sides) for axis in (0, 1))
        away_x, away_y = x - corner_x, y - corner_y
        return away_x * dx + away_y * dy, away_y * dx - away_x * dy

    def lines(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return v (2, ...) of both lids' lines at u (2, ...); they are one beyond the corners."""
        sides = (2,) + (1,) * (u.dim() - 1)
        place = (u / self.width.reshape(sides)).clamp(0, 1) * (_SAMPLES - 1)
        index = place.floor().clamp_(max=_SAMPLES - 2)
        part = place - index
        at = index.long() + torch.tensor([0, _SAMPLES]).reshape(sides)
        upper, lower = (
            torch.lerp(line.take(at), line.take(at + 1), part) for line in (self.upper, self.lower)
        )
        return upper, lower


def build_eyes(landmarks: Tensor) -> Eyes:
    """Measure both eyes of landmarks (478, 2) in pixels."""
    parts = [_measure_eye(landmarks, side) for side in (0, 1)]
    return Eyes(*(torch.stack(both) for both in zip(*parts, strict=True)))


def _measure_eye(landmarks: Tensor, side: int) -> tuple[Tensor, ...]:
    """The fields of `Eyes` for one of them."""
    upper, lower = landmarks[list(UPPER_LIDS[side])], landmarks[list(LOWER_LIDS[side])]
    left, right = upper[0], upper[-1]
    width = (right - left).norm()
    direction = (right - left) / width
    square = torch.stack([-direction[1], direction[0]])
    lid, floor = (
        _line((points - left) @ direction, (points - left) @ square, float(width))
        for points in (upper, lower)
    )
    floor = torch.maximum(floor, lid)
    opening = floor - lid
    lid = lid + _LASH_SHARE * opening
    widest = opening.max()
    room_below = torch.maximum(0.8 * widest, 0.12 * width)
    return left, direction, width, lid, floor, _ROOM_ABOVE * widest, room_below


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
