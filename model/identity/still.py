"""The portrait brought to neutral: its own pixels, warped until the lips meet."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.lip_line import LipLine
from model.identity.rig import Rig
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

# In face widths. Landmarks run a little outside of the lips' flesh: what lies between open lips
# starts before them, and none of it may be left between closed ones.
_TRIM = 0.007
_OPEN_GAP = 0.02
# The shadow between lips that meet.
_SEAM_WIDTH = 0.006
_SEAM_DARKNESS = 0.45


@dataclass(frozen=True)
class Still:
    """The neutral portrait.

    image: (h, w, 3) uint8. way: (1, 2, h, w) where in the portrait its pixels come from, as a
    displacement; above the lip line. seam: how dark the seam of its lips was painted, 0..1.
    """

    image: Tensor
    way: Tensor
    seam: float

    def carry(self, points: Tensor) -> Tensor:
        """Take points (N, 2) of the portrait, not of its mouth, to their places in the still."""
        size = self.way.shape[-1]
        place = points
        for _ in range(4):
            grid = (place * (2 / (size - 1)) - 1)[None, None]
            place = points - functional.grid_sample(self.way, grid, align_corners=True)[0, :, 0].T
        return place


def bring_to_neutral(image: Tensor, rig: Rig, landmarks: Tensor, neutral: Tensor) -> Still:
    """Warp a portrait (h, w, 3) uint8 from its landmarks (478, 2) to neutral ones, both in pixels.

    The rig is the neutral's. Pixels that nothing moves are copied bit by bit.
    """
    size = rig.size_px
    line = LipLine.through(neutral)
    open_share = _open_share(landmarks, rig.scale)
    source = (_trimmed(landmarks, _TRIM * rig.scale * open_share) - neutral)[rig.controls]
    upper, lower = (_field(rig, source.T @ sheet) for sheet in _sheets(rig))
    if float(torch.stack([upper.abs(), lower.abs()]).max()) < 0.05:
        return Still(image.clone(), upper, 0.0)
    axis = torch.arange(size, dtype=torch.float32)
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    color = image.permute(2, 0, 1)[None].float()
    above = line.above(pixels)
    share = torch.where(
        line.beyond(pixels) > 0, line.upper_share(pixels), (above + 0.5).clamp(0, 1)
    )
    warped = torch.lerp(
        _sample(color, pixels, lower), _sample(color, pixels, upper), share[None, None]
    )
    seam = _SEAM_DARKNESS * open_share
    warped = warped * (1 - seam * seam_shape(above, line.below_sheet(pixels), rig.scale))
    moved = (upper.abs() + lower.abs()).sum(dim=1, keepdim=True) > 0
    result = torch.where(moved, warped.round().clamp(0, 255), color)
    return Still(result[0].permute(1, 2, 0).to(torch.uint8).contiguous(), upper, seam)


def seam_shape(above: Tensor, below: Tensor, scale: float) -> Tensor:
    """Where the seam's shadow lies, 0..1: where both sheets end.

    above, below: pixels that a point is inside the upper and the lower sheet.
    """
    away = torch.maximum(above.abs(), below.abs()) / (_SEAM_WIDTH * scale)
    return torch.exp(-(away**2))


def _sheets(rig: Rig) -> tuple[Tensor, Tensor]:
    outer, inner = rig.face_box, rig.mouth_box
    sheets = []
    for sheet in (rig.upper, rig.lower):
        whole = _denser(rig.face.reshape(1, -1, *outer.shape))[0]
        whole[
            :,
            inner.top - 2 * outer.top : inner.bottom - 2 * outer.top + 1,
            inner.left - 2 * outer.left : inner.right - 2 * outer.left + 1,
        ] = sheet.reshape(-1, *inner.shape)
        sheets.append(whole.flatten(1))
    return sheets[0], sheets[1]


def _denser(grid: Tensor) -> Tensor:
    """Values (1, C, h, w) of nodes with what is between them: (1, C, 2h - 1, 2w - 1)."""
    height, width = grid.shape[2:]
    size = (2 * height - 1, 2 * width - 1)
    return functional.interpolate(grid, size, mode="bilinear", align_corners=True)


def _field(rig: Rig, values: Tensor) -> Tensor:
    """Displacements (2, M) of the face, as dense as the lips', to (1, 2, h, w) of the picture."""
    box = rig.face_box
    weight = _denser(rig.head_weight[None, None])
    nodes = torch.zeros(1, 2, *weight.shape[2:])
    rows = slice(2 * box.top, 2 * box.bottom + 1)
    columns = slice(2 * box.left, 2 * box.right + 1)
    place = nodes[0, :, rows, columns]
    place.copy_(values.reshape(place.shape))
    nodes = nodes * weight
    return functional.interpolate(
        nodes, (rig.size_px, rig.size_px), mode="bilinear", align_corners=True
    )


def _sample(color: Tensor, pixels: Tensor, field: Tensor) -> Tensor:
    places = (pixels + field[0].permute(1, 2, 0)) * (2 / (color.shape[-1] - 1)) - 1
    return functional.grid_sample(
        color, places[None], mode="bicubic", padding_mode="border", align_corners=True
    )


def _open_share(landmarks: Tensor, scale: float) -> float:
    gap = (landmarks[list(LOWER_INNER_LIP)] - landmarks[list(UPPER_INNER_LIP)]).norm(dim=1)
    return min(float(gap.max()) / (_OPEN_GAP * scale), 1.0)


def _trimmed(landmarks: Tensor, trim: float) -> Tensor:
    """Move the inner lips away from each other by `trim` pixels each."""
    result = landmarks.clone()
    upper, lower = list(UPPER_INNER_LIP[1:-1]), list(LOWER_INNER_LIP[1:-1])
    between = landmarks[lower] - landmarks[upper]
    step = trim * between / between.norm(dim=1, keepdim=True).clamp(min=1e-3)
    result[upper] -= step
    result[lower] += step
    return result
