"""Painting what is between the lips: teeth as people have them, in this portrait's light.

Sizes are of adult teeth in face widths (one is about 140 mm), from Wheeler's Dental Anatomy, table
1-1.
"""

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.light import Light

# Half a jaw, from the middle outwards: width and height of each crown.
_UPPER_WIDTHS = (0.061, 0.047, 0.054, 0.050, 0.048, 0.07)
_UPPER_EDGES = (0.020, 0.015, 0.018, 0.012, 0.008, 0.002)
_LOWER_WIDTHS = (0.036, 0.040, 0.049, 0.050, 0.050, 0.07)
_LOWER_EDGES = (0.018, 0.018, 0.015, 0.020, 0.025, 0.030)
_CROWN = 0.068
_ARCH = 0.215  # half the width of the row of teeth
_TYPICAL_MOUTH = 0.37
_IVORY = (1.03, 0.96, 0.88)
# The lower row stands in the shade of the upper one, in light that comes off tongue and lips.
_SHADED_IVORY = (0.76, 0.67, 0.60)
_GUM = (0.62, 0.33, 0.32)
_TONGUE = (0.60, 0.29, 0.28)


def paint_upper(across: Tensor, down: Tensor, light: Light, mouth: float, pixel: float) -> Tensor:
    """Upper teeth and gum (4, h, w), premultiplied; see `_paint_row`."""
    row = _paint_row(across, down, light, mouth, pixel, _UPPER_WIDTHS, _UPPER_EDGES, 1.0)
    return _soften(row)


def paint_lower(across: Tensor, down: Tensor, light: Light, mouth: float, pixel: float) -> Tensor:
    """Lower teeth over the tongue (4, h, w), premultiplied."""
    teeth = _paint_row(across, down, light, mouth, pixel, _LOWER_WIDTHS, _LOWER_EDGES, -1.0)
    tongue = _paint_tongue(across / (mouth / _TYPICAL_MOUTH), down, light)
    return _soften(teeth + (1 - teeth[3:]) * tongue)


def _paint_row(
    across: Tensor,
    down: Tensor,
    light: Light,
    mouth: float,
    pixel: float,
    widths: tuple[float, ...],
    edges: tuple[float, ...],
    side: float,
) -> Tensor:
    """One row of teeth.

    across, down: (h, w) place in the face, face widths from the middle of the lip line. mouth: its
    width. pixel: size of a pixel. side: 1 when the crowns hang down, -1 when they stand.
    """
    scale = mouth / _TYPICAL_MOUTH
    reach = (across.abs() / scale / _ARCH).clamp(max=0.999)
    along = _ARCH * torch.asin(reach)
    ends = torch.tensor(widths).cumsum(0)
    tooth = torch.bucketize(along, ends).clamp(max=len(widths) - 1)
    start = ends[tooth] - torch.tensor(widths)[tooth]
    within = ((along - start) / torch.tensor(widths)[tooth]).clamp(0, 1)
    # Crowns have rounded corners, and their flanks turn away from the viewer.
    corner = (2 * (within - 0.5)).abs()
    edge = torch.tensor(edges)[tooth] - side * 0.006 * corner**4
    inside = side * (edge - down)
    alpha = _ramp(inside, -0.7 * pixel, 0.9 * pixel)
    foreshortened = torch.sqrt(1 - reach**2)
    gap = torch.minimum(within, 1 - within) * torch.tensor(widths)[tooth] * foreshortened
    seam = 1 - 0.14 * torch.exp(-((gap / (0.6 * pixel + 0.002)) ** 2))
    body = 1 - 0.06 * corner**2
    rim = 0.9 + 0.1 * _ramp(inside, 0.0, 0.02)
    depth = 0.25 + 0.75 * foreshortened
    shade = seam * body * rim * depth
    ivory = torch.tensor(_IVORY if side > 0 else _SHADED_IVORY) * light.tint * light.white
    gum = torch.tensor(_GUM) * light.tint * light.white
    crown = (1 - _ramp(inside + 0.012 * corner**2, _CROWN, _CROWN + 0.012))[..., None]
    color = (crown * ivory + (1 - crown) * gum) * shade[..., None]
    alpha = alpha * (1 - _ramp(across.abs() / scale, 0.9 * _ARCH, _ARCH))
    return torch.cat([color * alpha[..., None], alpha[..., None]], dim=-1).permute(2, 0, 1)


def _paint_tongue(across: Tensor, down: Tensor, light: Light) -> Tensor:
    x, y = across / 0.15, (down - 0.06) / 0.115
    inside = 1 - (x**2 + y**2).sqrt()
    alpha = 0.9 * _ramp(inside, 0.0, 0.25)
    furrow = 1 - 0.18 * torch.exp(-((across / 0.012) ** 2))
    shade = (0.22 + 0.75 * _ramp(inside, 0.0, 0.75)) * furrow
    color = torch.tensor(_TONGUE) * light.tint * light.white * 0.85
    return torch.cat(
        [(color * shade[..., None]) * alpha[..., None], alpha[..., None]], dim=-1
    ).permute(2, 0, 1)


def _ramp(x: Tensor, start: float, end: float) -> Tensor:
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _soften(paint: Tensor) -> Tensor:
    """Blur (4, h, w) a little: no camera draws teeth sharper than it drew the face."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    wide = functional.pad(paint[None], (2, 2, 2, 2), mode="replicate")
    across = functional.conv2d(wide, kernel.reshape(1, 1, 1, 5).expand(4, 1, 1, 5), groups=4)
    down = functional.conv2d(across, kernel.reshape(1, 1, 5, 1).expand(4, 1, 5, 1), groups=4)
    return down[0]
