"""The portrait's own upper teeth, where its smile shows them.

They stay with the skull: where they are in the portrait they are in the still, behind its lips.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.identity.rig import Rig
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

# All in face widths, in the face's own upright plane, from the middle of the closed mouth.
_HALF_WIDTH, _ABOVE, _BELOW = 0.26, 0.16, 0.26
_LEAST_OPEN = 0.03
# Landmarks run outside of the lips' flesh: what is nearer to them may be lip.
_TRIM = 0.008
# Teeth begin under the upper lip, if anywhere: a tongue lies deeper.
_DEEPEST_START = 0.05
_SIDE = 0.02
# Samples a pixel.
_DENSITY = 2
# Teeth are the only thing in a mouth without red: how much less, and how pale beside cheeks.
_LEAST_CONTRAST, _LEAST_PALE = 1.5, 0.75
_LEAST_SHARE = 0.4  # of the mouth's width, in which teeth must be found
# How much of them must show: half a crown. Of less, what is tooth and what is not is a guess.
_LEAST_HEIGHT = 0.034
# How far their ends may be from a smooth edge: in the median, and what is kept of it.
_ROUGHEST, _SHORTER, _LONGER = 0.01, 0.012, 0.006
_CHEEKS = (50, 280, 205, 425)


@dataclass(frozen=True)
class OwnTeeth:
    """A picture of the upper teeth.

    values: (1, 5, h, w) colour 0..255 premultiplied by alpha, alpha 0..1, and 0..1 whether the
    portrait tells what is there at all: teeth or none.
    """

    values: Tensor

    def over(self, drawn: Tensor, across: Tensor, down: Tensor) -> Tensor:
        """Replace what the portrait tells of drawn teeth (4, h, w) at their places in the face."""
        unit = torch.stack(
            [across / _HALF_WIDTH, (2 * down + _ABOVE - _BELOW) / (_ABOVE + _BELOW)], dim=-1
        )
        own = functional.grid_sample(self.values, unit[None], align_corners=True)[0]
        return own[:4] + drawn * (1 - own[4:])


def find_teeth(
    image: NDArray[np.uint8], landmarks: Tensor, center: Tensor, rig: Rig
) -> OwnTeeth | None:
    """Find the upper teeth in a portrait (h, w, 3) with landmarks (478, 2); None if none show.

    center: (2,) the middle of the still's mouth. Everything is in pixels.
    """
    upright = rig.rotation[:2, :2] * rig.scale
    lips = torch.cat([landmarks[list(UPPER_INNER_LIP)], landmarks[list(LOWER_INNER_LIP)].flip(0)])
    outline = (lips - center) @ torch.linalg.inv(upright).T
    count = len(UPPER_INNER_LIP)
    if float((outline[count:].flip(0) - outline[:count])[:, 1].mean()) < _LEAST_OPEN:
        return None
    step = 1 / (_DENSITY * rig.scale)
    color = _straighten(image, upright, center, step)
    corners = (outline - torch.tensor([-_HALF_WIDTH, -_ABOVE])) / step
    mouth = np.zeros(color.shape[:2], np.uint8)
    cv2.fillPoly(mouth, [corners.round().int().numpy()], 1)
    trim = 2 * round(_TRIM / step) + 1
    mouth = np.asarray(cv2.erode(mouth, np.ones((trim, trim), np.uint8)), np.uint8)
    x, y = landmarks[list(_CHEEKS)].round().long().clamp(0, len(image) - 1).T
    teeth = _upper_row(color, mouth, float(image[y, x].mean()), step)
    if teeth is None:
        return None
    # Of the mouth's width everything below the upper lip is known: there are no other teeth.
    known = (np.cumsum(mouth, axis=0) > 0).astype(np.float32)
    told = cv2.GaussianBlur(known, (0, 0), sigmaX=_SIDE / 2 / step, sigmaY=trim / 4)
    alpha = cv2.GaussianBlur(teeth, (0, 0), trim / 4) * told
    values = np.dstack([color * alpha[..., None], alpha, told]).astype(np.float32)
    return OwnTeeth(torch.from_numpy(values).permute(2, 0, 1)[None])


def _straighten(
    image: NDArray[np.uint8], upright: Tensor, center: Tensor, step: float
) -> NDArray[np.uint8]:
    """Turn the mouth in a picture upright: (h, w, 3), samples `step` face widths apart."""
    columns, rows = round(2 * _HALF_WIDTH / step) + 1, round((_ABOVE + _BELOW) / step) + 1
    x = torch.linspace(-_HALF_WIDTH, _HALF_WIDTH, columns)
    y = torch.linspace(-_ABOVE, _BELOW, rows)
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1) @ upright.T + center
    across, down = (np.ascontiguousarray(axis) for axis in places.numpy().transpose(2, 0, 1))
    turned = cv2.remap(image, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def _upper_row(
    color: NDArray[np.uint8], mouth: NDArray[np.uint8], cheeks: float, step: float
) -> NDArray[np.float32] | None:
    """Mark the upper teeth (h, w), 0 or 1, in an upright picture of the mouth; None if none show.

    In each column all from the upper lip to the end of the first run of pale samples.
    """
    inside = mouth > 0
    if not inside.any():
        return None
    palest = color.min(axis=-1)
    found = palest[inside]
    # Otsu's threshold: two kinds, and what varies least within them (IEEE SMC-9, 1979).
    threshold, _ = cv2.threshold(found[:, None], 0, 255, cv2.THRESH_OTSU)
    pale = found > threshold
    if not pale.any() or pale.all():
        return None
    teeth, rest = float(found[pale].mean()), float(found[~pale].mean())
    if teeth < _LEAST_CONTRAST * rest or float(color[inside][pale].mean()) < _LEAST_PALE * cheeks:
        return None
    marked = ((palest > threshold) & inside).astype(np.uint8)
    closed = cv2.morphologyEx(marked, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    marks = np.asarray(closed, np.bool_)
    columns = np.flatnonzero(inside.any(axis=0))
    tops = inside[:, columns].argmax(axis=0)
    ends = np.array(
        [_end_of_run(marks[top:, x], step) + top for x, top in zip(columns, tops, strict=True)]
    )
    shown = ends > tops
    if shown.mean() < _LEAST_SHARE:
        return None
    edge = _edge(columns, ends, shown, step)
    if edge is None:
        return None
    row = np.zeros(mouth.shape, np.float32)
    row[:, columns] = inside[:, columns] & (np.arange(len(mouth))[:, None] < edge)
    height = float(np.median(row.sum(axis=0)[columns[shown]])) * step
    return row if height >= _LEAST_HEIGHT else None


def _end_of_run(marks: NDArray[np.bool_], step: float) -> int:
    """Say where the first run of marks ends; 0 if it begins too deep in the mouth, or nowhere."""
    start = int(marks.argmax())
    if not marks[start] or start * step > _DEEPEST_START:
        return 0
    return start + (int((~marks[start:]).argmax()) or len(marks) - start)


def _edge(
    columns: NDArray[np.intp], ends: NDArray[np.intp], shown: NDArray[np.bool_], step: float
) -> NDArray[np.float64] | None:
    """Lay the edge of the row through the ends of its runs; None if they do not form one.

    Edges are near a parabola: a run that goes on has met a tongue or lower teeth, one that breaks
    off a gap or a shadow.
    """
    kept = shown
    for _ in range(4):
        if kept.sum() < 3:
            return None
        curve = np.polyval(np.polyfit(columns[kept], ends[kept], 2), columns)
        away = np.abs(ends - curve)
        kept = shown & (away <= max(2 * float(np.median(away[shown])), 1.0))
    if float(np.median(away[shown])) * step > _ROUGHEST:
        return None
    nearest = np.clip(ends, curve - _SHORTER / step, curve + _LONGER / step)
    return np.asarray(np.where(shown, nearest, curve), np.float64)
