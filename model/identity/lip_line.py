"""Where closed lips meet: a curve from corner to corner, in a frame of its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

_SAMPLES = 257
# Beside the corners, over this share of the mouth's width, upper and lower sheet blend.
_BLEND = 0.12
# How fast the lower sheet closes the cut beyond the corners.
_CORNER_SLOPE = 1.5


@dataclass(frozen=True)
class LipLine:
    """Corner to corner is the axis u, 0..width; v is square to it, downwards.

    left: (2,) the corner on the image's left; direction: (2,) unit vector of u; width: scalar;
    heights: (257,) v of the line at equal steps of u; points: (11, 2) it was laid through.
    """

    left: Tensor
    direction: Tensor
    width: float
    heights: Tensor
    points: Tensor

    @classmethod
    def through(cls, landmarks: Tensor) -> "LipLine":
        """Lay the line between the inner lips of landmarks (478, 2), in any unit."""
        points = (landmarks[list(UPPER_INNER_LIP)] + landmarks[list(LOWER_INNER_LIP)]) / 2
        left, right = points[0], points[-1]
        width = float((right - left).norm())
        direction = (right - left) / width
        line = cls(left, direction, width, torch.zeros(_SAMPLES), points)
        u, v = line.coordinates(points)
        return cls(left, direction, width, _monotone_resample(u, v, width), points)

    @property
    def down(self) -> Tensor:
        """Unit vector (2,) of v."""
        return torch.stack([-self.direction[1], self.direction[0]])

    def coordinates(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return (u, v) of points (..., 2)."""
        away = points - self.left
        return away @ self.direction, away @ self.down

    def height(self, u: Tensor) -> Tensor:
        """Return v of the line at u; level beyond the corners."""
        place = (u / self.width).clamp(0, 1) * (_SAMPLES - 1)
        index = place.floor().long().clamp(max=_SAMPLES - 2)
        part = place - index
        return self.heights[index] * (1 - part) + self.heights[index + 1] * part

    def above(self, points: Tensor) -> Tensor:
        """How far points (..., 2) are above the line, negative below."""
        u, v = self.coordinates(points)
        return self.height(u) - v

    def beyond(self, points: Tensor) -> Tensor:
        """How far points (..., 2) are outside of the corners along u, 0 between them."""
        u, _ = self.coordinates(points)
        return (-u).clamp(min=0) + (u - self.width).clamp(min=0)

    def below_sheet(self, points: Tensor) -> Tensor:
        """Signed depth inside the lower sheet: below the line, or beyond the corners."""
        return _CORNER_SLOPE * self.beyond(points) - self.above(points)

    def upper_share(self, points: Tensor) -> Tensor:
        """How much points (..., 2) belong to the upper sheet, 0..1."""
        band = self.width * (0.04 + _BLEND * (self.beyond(points) / self.width / 0.2).clamp(0, 1))
        return (0.5 + 0.5 * self.above(points) / band).clamp(0, 1)


def _monotone_resample(u: Tensor, v: Tensor, width: float) -> Tensor:
    """Cubic Hermite through (u, v) with Catmull-Rom slopes, at equal steps of u."""
    u, order = u.sort()
    v = v[order]
    gaps = (u[1:] - u[:-1]).clamp(min=1e-4 * width)
    u = torch.cat([u[:1], u[0] + gaps.cumsum(0)])
    secant = (v[1:] - v[:-1]) / gaps
    slopes = torch.cat([secant[:1], (secant[1:] + secant[:-1]) / 2, secant[-1:]])
    at = torch.linspace(0, width, _SAMPLES)
    k = (torch.searchsorted(u, at) - 1).clamp(0, len(u) - 2)
    t = ((at - u[k]) / gaps[k]).clamp(0, 1)
    a, b = slopes[k] * gaps[k], slopes[k + 1] * gaps[k]
    return (
        v[k] * (2 * t**3 - 3 * t**2 + 1)
        + a * (t**3 - 2 * t**2 + t)
        + v[k + 1] * (3 * t**2 - 2 * t**3)
        + b * (t**3 - t**2)
    )
