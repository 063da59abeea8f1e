"""The square around the mouth that the frame denoiser sees, fixed to the skull.

It moves, turns and grows with the head and not with the jaw, so that the upper teeth stand still in
it. Its face locator (EMO's term) says where in the square anything may be painted anew: between
the lips, and a little over their edges. Lips that meet are left alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.frames.warp import Head
from model.identity.mouth import INNER_LIPS, Mouth
from model.identity.rig import Rig
from model.identity.topology import UPPER_INNER_LIP
from model.motion.face import FaceMotion

# In face widths: half the square's side, and how far below the closed lips its centre is.
_HALF_SIDE = 0.28
_BELOW_LIPS = 0.02
_RIM = 0.1  # of the side, over which the locator rises at least
# In face widths: how far over the lips' edges the locator reaches, and the opening from which on it
# is whole.
_OVER_LIPS = 0.03
_OPEN = 0.02


@dataclass(frozen=True)
class MouthCrop:
    """Squares in n frames, in pixels of the picture.

    center: (n, 2); across: (n, 2) from it to the middle of the right side; lips: (n, 22, 2) where
    the inner lips are drawn, upper ones first, each from left to right.
    """

    center: Tensor
    across: Tensor
    lips: Tensor

    @classmethod
    def follow(cls, rig: Rig, mouth: Mouth, head: Head, motion: FaceMotion) -> "MouthCrop":
        """Where the squares are when head and face have moved."""
        down = rig.rotation[:, 1] * _BELOW_LIPS
        matrix = head.rotation * (head.size * rig.scale)[:, None, None]
        place = (rig.origin[:2] + head.shift)[:, None]
        moved = mouth.inner_lips + motion.deltas[:, list(INNER_LIPS)] @ rig.rotation.T
        lips = (moved @ matrix.mT)[..., :2] + place
        center = (mouth.inner_lips.mean(dim=0) + down) @ matrix.mT
        right = (head.rotation @ rig.rotation[:, 0])[:, :2]
        length = _HALF_SIDE * rig.scale * head.size[:, None]
        across = right / right.norm(dim=1, keepdim=True) * length
        return cls(center[:, :2] + place[:, 0], across, lips)

    def locate(self, crop_px: int) -> Tensor:
        """Return the face locator (n, 1, crop_px, crop_px), 0..1."""
        away = self.lips - self.center[:, None]
        axes = torch.stack([self.across, _square_to(self.across)], dim=2)
        unit = away @ axes / (self.across**2).sum(dim=1)[:, None, None]
        steps = (torch.arange(crop_px) + 0.5) * (2 / crop_px) - 1
        upper, lower = unit.split(len(UPPER_INNER_LIP), dim=1)  # type: ignore[no-untyped-call]
        top, bottom = _line(upper, steps), _line(lower, steps)
        # From here on in face widths.
        opening = ((bottom - top) * _HALF_SIDE).amax(dim=1)[:, None, None]
        rows = steps[None, :, None]
        inside = torch.minimum(rows - top[:, None], bottom[:, None] - rows) * _HALF_SIDE
        beside = torch.maximum(
            unit[..., 0].amin(dim=1)[:, None] - steps, steps - unit[..., 0].amax(dim=1)[:, None]
        )
        inside = torch.minimum(inside, -beside[:, None] * _HALF_SIDE)
        share = (inside / _OVER_LIPS + 1).clamp(0, 1) * (opening / _OPEN).clamp(0, 1)
        share = share * share * (3 - 2 * share)
        return (share * _rim(crop_px))[:, None]

    def cut(self, pixels: NDArray[np.uint8], crop_px: int) -> Tensor:
        """Cut the squares out of pixels (n, h, w, 3): (n, 3, crop_px, crop_px) in -1..1."""
        steps = (torch.arange(crop_px) + 0.5) * (2 / crop_px) - 1
        down = _square_to(self.across)
        places = (
            self.center[:, None, None]
            + steps[None, None, :, None] * self.across[:, None, None]
            + steps[None, :, None, None] * down[:, None, None]
        )
        cut = []
        for frame, place, box in zip(pixels, places, self._boxes(pixels.shape), strict=True):
            left, top, right, bottom = box
            colors = torch.from_numpy(frame[top:bottom, left:right]).permute(2, 0, 1).float()
            unit = torch.tensor([right - left - 1, bottom - top - 1])
            grid = (place - torch.tensor([left, top])) * (2 / unit) - 1
            cut.append(
                functional.grid_sample(
                    colors[None], grid[None], padding_mode="border", align_corners=True
                )
            )
        return torch.cat(cut) / 127.5 - 1

    def add(self, pixels: NDArray[np.uint8], change: Tensor) -> None:
        """Add a change (n, 3, S, S), in units of -1..1, to pixels (n, h, w, 3) in place."""
        down = _square_to(self.across)
        inverse = torch.stack([self.across, down], dim=1)
        inverse = inverse / (self.across**2).sum(dim=1)[:, None, None]
        boxes = self._boxes(pixels.shape)
        for frame, own, back, center, box in zip(
            pixels, change, inverse, self.center, boxes, strict=True
        ):
            left, top, right, bottom = box
            rows, columns = torch.arange(top, bottom), torch.arange(left, right)
            away_x, away_y = columns - center[0], rows - center[1]
            grid = away_x[None, :, None] * back[:, 0] + away_y[:, None, None] * back[:, 1]
            grown = functional.grid_sample(own[None], grid[None], align_corners=False)[0]
            place = frame[top:bottom, left:right]
            changed = torch.from_numpy(place) + 127.5 * grown.permute(1, 2, 0)
            place[:] = changed.add_(0.5).clamp_(0, 255).numpy()

    def _boxes(self, shape: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
        """Left, top, right and bottom of the pixels that hold each square; two wide at least."""
        reach = self.across.abs().sum(dim=1, keepdim=True)
        size = torch.tensor([shape[2], shape[1]])
        low = (self.center - reach).floor().clamp(min=0).minimum(size - 2).long()
        high = (self.center + reach).ceil().long().add(1).minimum(size).maximum(low + 2)
        boxes: list[list[int]] = torch.cat([low, high], dim=1).tolist()
        return [(left, top, right, bottom) for left, top, right, bottom in boxes]


def _line(points: Tensor, steps: Tensor) -> Tensor:
    """Height (n, S) at `steps` (S,) of lines through points (n, P, 2), held beyond their ends."""
    x, y = points.unbind(dim=2)
    x = x.cummax(dim=1).values.contiguous()
    columns = steps.expand(len(x), -1).contiguous()
    right = torch.searchsorted(x, columns).clamp(1, x.shape[1] - 1)
    (x0, x1), (y0, y1) = ((v.gather(1, right - 1), v.gather(1, right)) for v in (x, y))
    return torch.lerp(y0, y1, ((columns - x0) / (x1 - x0).clamp(min=1e-6)).clamp(0, 1))


def _rim(crop_px: int) -> Tensor:
    """Weight (crop_px, crop_px) that is 1 inside and 0 at the rim."""
    place = (torch.arange(crop_px) + 0.5) / crop_px
    rise = (torch.minimum(place, 1 - place) / _RIM).clamp(0, 1)
    rise = rise * rise * (3 - 2 * rise)
    return rise[:, None] * rise[None]


def _square_to(across: Tensor) -> Tensor:
    return torch.stack([-across[:, 1], across[:, 0]], dim=1)
