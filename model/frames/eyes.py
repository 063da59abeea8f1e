"""Drawing the eyes: lids that slide over the ball, and a ball that turns.

Lid and ball are sampled from the still on their own, and the lids laid over the ball along their
lines.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.frames.lookup import look_up
from model.frames.patch import Patch
from model.identity.eyes import LOWER_SHARE, Eyes

_OVERLAP_PX = 1.0
# The ball's colour is only known between the lids; a little over their edge is taken along.
_SLACK_PX = 0.75


def draw_eyes(
    pixels: NDArray[np.uint8],
    texture: NDArray[np.uint8],
    eyes: Eyes,
    back: Tensor,
    closure: Tensor,
    gaze: Tensor,
) -> None:
    """Draw both eyes into pixels (n, size, size, 3) in place.

    texture: the identity's; back: (n, 2, size, size) where in it each pixel is, in its samples;
    closure: (n, 2); gaze: (n, 2) in widths of the eye.
    """
    # From here on (2, n, h, w): both eyes, in patches as large as the larger one asks for.
    sides, frames = (2, 1, 1, 1), len(pixels)
    centers = _centers(eyes, back).flatten(0, 1)
    patch = Patch.around(centers, eyes.half_extent, pixels.shape[2], 1.0)
    x, y = (patch.cut(back) / 2).reshape(2, frames, 2, *patch.shape).unbind(dim=2)
    u, v = eyes.coordinates(x, y)
    upper, lower = eyes.lines(u)
    opening = (lower - upper).clamp(min=0)
    shut = closure.T[:, :, None, None]
    line_upper = upper + shut * (1 - LOWER_SHARE) * opening
    line_lower = lower - shut * LOWER_SHARE * opening
    above = line_upper - v
    below = v - line_lower
    lid_upper = upper - _stretch(above, line_upper - upper, eyes.room_above.reshape(sides))
    lid_lower = lower + _stretch(below, lower - line_lower, eyes.room_below.reshape(sides))
    along, turned_v = _turned(eyes.width.reshape(sides), u, v, upper, lower, gaze)
    down = torch.stack([turned_v, lid_upper, lid_lower]) - v
    dx, dy = (eyes.direction[:, axis].reshape(sides) for axis in (0, 1))
    places_x, places_y = x - dy * down, y + dx * down
    # Lids slide down and up only; the ball turns aside, too.
    places_x[0] += dx * along
    places_y[0] += dy * along
    ball, skin_upper, skin_lower = _sample(texture, places_x, places_y)
    cover_upper = (above + 0.5).clamp(0, 1)[..., None]
    cover_lower = (below + 0.5 + _OVERLAP_PX * shut.clamp(0, 1)).clamp(0, 1)[..., None]
    color = torch.lerp(torch.lerp(ball, skin_lower, cover_lower), skin_upper, cover_upper)
    patch.blend(pixels, color.flatten(0, 1))


def _centers(eyes: Eyes, back: Tensor) -> Tensor:
    """Return where the eyes' centres are drawn (2, n, 2), by walking along the way back."""
    size = back.shape[-1]
    guess = centers = eyes.centers[None]
    for _ in range(3):
        grid = (guess * (2 / (size - 1)) - 1)[:, :, None].expand(len(back), -1, -1, -1)
        found = functional.grid_sample(back, grid, align_corners=True)[..., 0].transpose(1, 2)
        guess = guess + centers - found / 2
    return guess.transpose(0, 1)


def _stretch(distance: Tensor, travel: Tensor, room: Tensor) -> Tensor:
    """How far from the lid's edge the skin was at rest that now is at `distance` from it.

    The skin between the edge and `room` takes up the edge's travel: rigid at the edge, where lashes
    are, stretched most at the far end. Quadratic, and it meets the skin that stays.
    """
    reach = room + travel
    inside = distance - travel / reach * distance**2 / reach
    return torch.where(distance < reach, inside, distance - travel)


def _turned(
    width: Tensor, u: Tensor, v: Tensor, upper: Tensor, lower: Tensor, gaze: Tensor
) -> tuple[Tensor, Tensor]:
    """How far along u, and to which v, a ball is looked up that has turned."""
    window = (1 - (2 * u / width - 1) ** 2).clamp(min=0) * width
    turned_v = torch.maximum(v - gaze[:, 1, None, None] * window, upper - _SLACK_PX)
    turned_v = torch.minimum(turned_v, torch.maximum(lower, upper) + _SLACK_PX)
    return -gaze[:, 0, None, None] * window, turned_v


def _sample(texture: NDArray[np.uint8], x: Tensor, y: Tensor) -> Tensor:
    """Colours (k, 2, n, h, w, 3) of the texture at places (k, 2, n, h, w) in pixels."""
    looks, sides, frames, height, width = x.shape
    # One look-up for each eye: the places of all its looks, one below the other.
    places = 2 * torch.stack([x, y]).permute(2, 3, 0, 1, 4, 5)
    tall = places.reshape(sides * frames, 2, looks * height, width).numpy()
    colors = torch.from_numpy(np.stack([look_up(texture, one) for one in tall])).float()
    return colors.reshape(sides, frames, looks, height, width, 3).permute(2, 0, 1, 3, 4, 5)
