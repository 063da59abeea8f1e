"""A rectangle of the picture that is drawn anew in every frame and follows the face."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_FEATHER_PX = 6
_SHAPES = 64  # that a patch takes, while it follows a face


@dataclass(frozen=True)
class Patch:
    """Rectangles of one size in n frames; corner: (n, 2) whole pixels, left and top.

    steps: rows and columns of its coarse grid, `every` pixels apart.
    """

    corner: Tensor
    steps: tuple[int, int]
    every: int

    @classmethod
    def around(
        cls, center: Tensor, half_extent: tuple[float, float], size_px: int, spacing_px: float
    ) -> "Patch":
        """Cover at least `half_extent` (across, down) around centers (n, 2), inside the picture."""
        every = max(round(spacing_px), 1)
        room = (size_px - 1) // every
        # One step more than that: grids of all patches begin at multiples of `every`, so that what
        # is interpolated does not depend on a patch's size, or jump as it moves.
        columns, rows = (min(math.ceil(2 * half / every) + 1, room) for half in half_extent)
        extent = torch.tensor([columns * every, rows * every])
        corner = ((center - extent / 2) / every).round().long() * every
        corner = corner.clamp(min=0).minimum(size_px - 1 - extent)
        return cls(corner, (rows, columns), every)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.steps[0] * self.every + 1, self.steps[1] * self.every + 1

    def nodes(self) -> Tensor:
        """Places (n, 2, rows + 1, columns + 1) of the coarse grid in pixels of the picture."""
        y = torch.arange(self.steps[0] + 1) * self.every
        x = torch.arange(self.steps[1] + 1) * self.every
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"))
        return (self.corner[:, :, None, None] + grid).float()

    def densify(self, values: Tensor) -> Tensor:
        """Values (n, C, rows + 1, columns + 1) of the coarse grid to all pixels (n, C, h, w)."""
        return functional.interpolate(values, self.shape, mode="bilinear", align_corners=True)

    def cut(self, pictures: Tensor) -> Tensor:
        """Cut the n rectangles out of pictures (C, size, size), taken in turns: (n, C, h, w)."""
        height, width = self.shape
        corners: list[list[int]] = self.corner.tolist()
        rows = [
            pictures[i % len(pictures), :, top : top + height, left : left + width]
            for i, (left, top) in enumerate(corners)
        ]
        return torch.stack(rows)

    def blend(self, pixels: NDArray[np.uint8], color: Tensor) -> None:
        """Put n colours (h, w, 3) into pictures (size, size, 3), taken in turns, in place.

        They are feathered at the rim.
        """
        height, width = self.shape
        weight = feather(height, width)[..., None]
        corners: list[list[int]] = self.corner.tolist()
        for i, (patch, (left, top)) in enumerate(zip(color, corners, strict=True)):
            place = pixels[i % len(pixels), top : top + height, left : left + width]
            blended = torch.lerp(torch.from_numpy(place).float(), patch, weight)
            place[:] = blended.add_(0.5).clamp_(0, 255).numpy()


@functools.lru_cache(_SHAPES)
def feather(height: int, width: int) -> Tensor:
    """Weight (h, w) that is 1 inside and falls to 0 at the rim."""
    y, x = torch.arange(height), torch.arange(width)
    rise_y = torch.minimum(y, height - 1 - y) / _FEATHER_PX
    rise_x = torch.minimum(x, width - 1 - x) / _FEATHER_PX
    return torch.minimum(rise_y[:, None], rise_x[None]).clamp(0, 1)
