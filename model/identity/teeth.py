"""Painting what is between the lips: teeth as people have them, in this portrait's light.

Sizes are of adult teeth in face widths (one is about 140 mm), from Wheeler's Dental Anatomy, table
1-1.
"""

import cv2
import torch
from torch import Tensor

from model.identity.light import Light

# Half a jaw, from the middle outwards: width and height of each crown.
_UPPER_WIDTHS = (0.061, 0.047, 0.054, 0.050, 0.048, 0.07)
_UPPER_EDGES = (0.020, 0.015, 0.018, 0.012, 0.008, 0.002)
_LOWER_WIDTHS = (0.036, 0.040, 0.049, 0.050, 0.050, 0.07)
_LOWER_EDGES = (0.018, 0.018, 0.015, 0.020, 0.025, 0.030)
_CROWN = 0.068
_ARCH = 0.215  # half the width of the row of teeth
_TYPICAL_MOUTH = 0.37
_IVORY = (1.17, 1.08, 1.0)
# The lower row stands in the shade of the upper one, in light that comes off tongue and lips.
_SHADED_IVORY = (0.85, 0.69, 0.65)
_GUM = (0.62, 0.33, 0.32)
_TONGUE = (0.76, 0.45, 0.44)
# Of the sharpest picture; it hides the samples.
_LEAST_SOFTNESS_PX = 0.5


def paint_upper(
    across: Tensor, down: Tensor, light: Light, mouth: float, pixel: float, softness_px: float
) -> Tensor:
    """Upper teeth and gum (4, h, w), premultiplied; see `_paint_row` and `_soften`."""
    row = _paint_row(across, down, light, mouth, pixel, _UPPER_WIDTHS, _UPPER_EDGES, 1.0)
    return _soften(row, softness_px)


def paint_lower(
    across: Tensor, down: Tensor, light: Light, mouth: float, pixel: float, softness_px: float
) -> Tensor:
    """Lower teeth over the tongue (4, h, w), premultiplied."""
    teeth = _paint_row(across, down, light, mouth, pixel, _LOWER_WIDTHS, _LOWER_EDGES, -1.0)
    tongue = _paint_tongue(across / (mouth / _TYPICAL_MOUTH), down, light)
    return _soften(teeth + (1 - teeth[3:]) * tongue, softness_px)


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
    ivory = light.on(_IVORY if side > 0 else _SHADED_IVORY)
    gum = light.on(_GUM)
    crown = (1 - _ramp(inside + 0.012 * corner**2, _CROWN, _CROWN + 0.012))[..., None]
    color = (crown * ivory + (1 - crown) * gum) * shade[..., None]
    alpha = alpha * (1 - _ramp(across.abs() / scale, 0.9 * _ARCH, _ARCH))
    return torch.cat([color * alpha[..., None], alpha[..., None]], dim=-1).permute(2, 0, 1)


def _paint_tongue(across: Tensor, down: Tensor, light: Light) -> Tensor:
    x, y = across / 0.22, (down - 0.03) / 0.12
    inside = 1 - (x**2 + y**2).sqrt()
    alpha = 0.9 * _ramp(inside, 0.0, 0.25)
    furrow = 1 - 0.18 * torch.exp(-((across / 0.012) ** 2))
    shade = (0.3 + 0.7 * _ramp(inside, 0.0, 0.75)) * furrow
    color = light.on(_TONGUE)
    return torch.cat(
        [(color * shade[..., None]) * alpha[..., None], alpha[..., None]], dim=-1
    ).permute(2, 0, 1)


def _ramp(x: Tensor, start: float, end: float) -> Tensor:
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _soften(paint: Tensor, softness_px: float) -> Tensor:
    """Blur (4, h, w), two samples a pixel: no camera draws teeth sharper than it drew the face."""
    samples = paint.permute(1, 2, 0).contiguous().numpy()
    sigma = 2 * max(softness_px, _LEAST_SOFTNESS_PX)
    soft = cv2.GaussianBlur(samples, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return torch.from_numpy(soft).permute(2, 0, 1)
