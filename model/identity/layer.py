"""A small picture that is laid over the still, at twice its density."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Box:
    """Whole pixels of the still: the first column and row, how many columns and rows."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def around(cls, low: Tensor, high: Tensor, size_px: int) -> "Box":
        """Smallest box inside the picture that holds the corners (2,), in pixels."""
        first = low.floor().long().clamp(0, size_px - 2).tolist()
        last = high.ceil().long().clamp(1, size_px - 1).tolist()
        return cls(first[0], first[1], last[0] - first[0] + 1, last[1] - first[1] + 1)

    def samples(self) -> Tensor:
        """Places (2h - 1, 2w - 1, 2) of samples at double density, in pixels of the still."""
        x = torch.arange(2 * self.width - 1) / 2 + self.left
        y = torch.arange(2 * self.height - 1) / 2 + self.top
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


@dataclass(frozen=True)
class Layer:
    """Values (1, C, 2h - 1, 2w - 1) over a box."""

    box: Box
    values: Tensor

    @classmethod
    def cut(cls, texture: Tensor, box: Box) -> "Layer":
        """Cut a box out of a whole picture at double density (1, C, ·, ·)."""
        rows = slice(2 * box.top, 2 * (box.top + box.height) - 1)
        columns = slice(2 * box.left, 2 * (box.left + box.width) - 1)
        return cls(box, texture[:, :, rows, columns])

    def with_channels(self, *channels: Tensor) -> "Layer":
        """Add channels (2h - 1, 2w - 1)."""
        values = torch.cat([self.values, torch.stack(channels)[None]], dim=1)
        return Layer(self.box, values.contiguous(memory_format=torch.channels_last))

    def sample(self, places: Tensor) -> Tensor:
        """Values (n, C, h, w) at places (n, 2, h, w) in pixels of the still; the rim goes on."""
        first = torch.tensor([self.box.left, self.box.top])[:, None, None]
        to_unit = torch.tensor([2 / (self.box.width - 1), 2 / (self.box.height - 1)])
        grid = ((places - first) * to_unit[:, None, None] - 1).permute(0, 2, 3, 1)
        return functional.grid_sample(
            self.values.expand(len(grid), -1, -1, -1),
            grid,
            mode="bilinear",
            padding_mode="border",
            align_corners=True,
        )
