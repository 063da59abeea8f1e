"""Drawing the eyes: lids that slide over the ball, and a ball that turns.

Lid and ball are sampled from the still on their own, and the lids laid over the ball along their
lines.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.frames.patch import Patch
from model.identity.eyes import LOWER_SHARE, Eye

_OVERLAP_PX = 1.0
# The ball's colour is only known between the lids; a little over their edge is taken along.
_SLACK_PX = 0.75


def draw_eye(
    pixels: NDArray[np.uint8],
    texture: Tensor,
    eye: Eye,
    back: Tensor,
    closure: Tensor,
    gaze: Tensor,
) -> None:
    """Draw one eye into pixels (n, size, size, 3) in place.

    texture: the identity's; back: (n, 2, size, size) where in it each pixel is, -1..1;
    closure: (n,); gaze: (n, 2) in widths of the eye.
    """
    size = back.shape[-1]
    patch = Patch.around(_center(eye, back), eye.half_extent, size, 1.0)
    place = (patch.cut(back).permute(0, 2, 3, 1) + 1) * ((size - 1) / 2)
    u, v = eye.coordinates(place)
    upper, lower = eye.lines(u)
    opening = (lower - upper).clamp(min=0)
    shut = closure[:, None, None]
    line_upper = upper + shut * (1 - LOWER_SHARE) * opening
    line_lower = lower - shut * LOWER_SHARE * opening
    above = line_upper - v
    below = v - line_lower
    lid_upper = upper - _stretch(above, line_upper - upper, eye.room_above)
    lid_lower = lower + _stretch(below, lower - line_lower, eye.room_below)
    ball_u, ball_v = _turned(eye, u, v, upper, lower, gaze)
    nowhere = torch.zeros_like(u)
    shifts = ((ball_u - u, ball_v - v), (nowhere, lid_upper - v), (nowhere, lid_lower - v))
    ball, skin_upper, skin_lower = _sample(texture, eye, place, shifts)
    cover_upper = (above + 0.5).clamp(0, 1)[:, None]
    cover_lower = (below + 0.5 + _OVERLAP_PX * shut.clamp(0, 1)).clamp(0, 1)[:, None]
    color = torch.lerp(ball, skin_lower, cover_lower)
    patch.blend(pixels, torch.lerp(color, skin_upper, cover_upper))


def _center(eye: Eye, back: Tensor) -> Tensor:
    """Return where the eye's centre is drawn (n, 2), by walking along the way back."""
    size = back.shape[-1]
    guess = eye.center.expand(len(back), 2)
    for _ in range(3):
        grid = (guess * (2 / (size - 1)) - 1)[:, None, None]
        found = functional.grid_sample(back, grid, align_corners=True)[:, :, 0, 0]
        guess = guess + eye.center - (found + 1) * ((size - 1) / 2)
    return guess


def _stretch(distance: Tensor, travel: Tensor, room: float) -> Tensor:
    """How far from the lid's edge the skin was at rest that now is at `distance` from it.

    The skin between the edge and `room` takes up the edge's travel: rigid at the edge, where lashes
    are, stretched most at the far end. Quadratic, and it meets the skin that stays.
    """
    reach = room + travel
    inside = distance - travel / reach * distance**2 / reach
    return torch.where(distance < reach, inside, distance - travel)


def _turned(
    eye: Eye, u: Tensor, v: Tensor, upper: Tensor, lower: Tensor, gaze: Tensor
) -> tuple[Tensor, Tensor]:
    window = (1 - (2 * u / eye.width - 1) ** 2).clamp(min=0)
    shift = (gaze * eye.width)[:, :, None, None] * window[:, None]
    turned_v = torch.maximum(v - shift[:, 1], upper - _SLACK_PX)
    turned_v = torch.minimum(turned_v, torch.maximum(lower, upper) + _SLACK_PX)
    return u - shift[:, 0], turned_v


def _sample(
    texture: Tensor, eye: Eye, place: Tensor, shifts: Sequence[tuple[Tensor, Tensor]]
) -> tuple[Tensor, ...]:
    """Look up the texture at `place` and beside it, by each of `shifts` along u and v."""
    along = torch.stack([torch.stack(shift, dim=-1) for shift in shifts])
    # Rows: u and v in the picture's x and y.
    axes = torch.stack([eye.direction, eye.direction.flip(0) * torch.tensor([-1, 1])])
    moved = (place + along @ axes).flatten(0, 1)
    size = (texture.shape[-1] + 1) // 2
    colors = functional.grid_sample(
        texture.expand(len(moved), -1, -1, -1),
        moved * (2 / (size - 1)) - 1,
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return colors.chunk(len(shifts))
