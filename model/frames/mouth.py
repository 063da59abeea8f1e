"""Drawing the mouth: two sheets of lip over the teeth, the tongue and the dark.

What is between the lips may be painted over (`model.frames.painter`).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.frames.patch import Patch
from model.frames.warp import Head, Motion, way_back
from model.identity.light import in_picture
from model.identity.mouth import INNER_LIPS, Mouth
from model.identity.rig import Rig
from model.identity.still import seam_shape
from model.identity.topology import JAW
from model.motion.face import FaceMotion

# How many half widths of an edge lips are apart when that is of no more use.
_APART_EDGES = 2.0
# How far inside its edge a sheet has its own colours alone; the gap from which on they are shown.
_OWN_PX, _PARTED_PX = 1.0, 1.0
# How deep the lips' shadow falls onto the teeth, in face widths, and how dark it is at the lip.
_SHADOW_UPPER, _SHADOW_LOWER = 0.037, 0.018
# Light that comes through the lips is red.
_DARKEST = (0.74, 0.54, 0.50)
# Little light falls into a mouth that is hardly open: what is left of it there, and the height of
# the opening, in face widths, from which on it is whole. From real open mouths of the `train` split
# beside drawn ones, by a script that is not kept.
_NARROW, _LIT = (0.64, 0.40, 0.40), 0.08
# In face widths: how much skin around the opening is drawn with it.
_SKIN = 0.08
# The incisors go a little less far than the chin, which is farther from the jaw's hinge.
_INCISORS = 0.9


def draw_mouth(
    pixels: NDArray[np.uint8], rig: Rig, mouth: Mouth, motion: FaceMotion, nodes: Motion, head: Head
) -> None:
    """Draw the mouth into pixels (n, size, size, 3) in place."""
    patch = _place(rig, mouth, motion, head)
    upper, lower = _lips(rig, mouth, nodes, patch)
    inside_upper, inside_lower = upper[:, 3:4], lower[:, 4:]
    edge = mouth.edge_px
    cover_upper = _cover(inside_upper, edge)
    # The lower sheet is whole under all of the upper one's edge, so that lips that meet leave no
    # gap. It would cover as much of a mouth that is open.
    apart = (-(inside_upper + inside_lower) / (_APART_EDGES * edge)).clamp(0, 1)
    cover_lower = _cover(inside_lower + 2 * edge * (1 - apart), edge)
    shade = _shadow(-inside_upper, _SHADOW_UPPER * rig.scale, mouth.color)
    shade = shade * _shadow(-inside_lower, _SHADOW_LOWER * rig.scale, mouth.color)
    shade = shade * _light(-(inside_upper + inside_lower) / rig.scale, mouth.color)
    inside = _interior(rig, mouth, motion, head, patch) * shade
    color = torch.lerp(inside, lower[:, :3], cover_lower)
    color = torch.lerp(color, upper[:, :3], cover_upper)
    if mouth.seam > 0:
        color = color * (1 - mouth.seam * seam_shape(inside_upper, inside_lower, rig.scale))
    patch.blend(pixels, color.permute(0, 2, 3, 1))


def _place(rig: Rig, mouth: Mouth, motion: FaceMotion, head: Head) -> Patch:
    """Cover the opening between the lips, and a little skin around it, in all frames."""
    lips = mouth.inner_lips + motion.deltas[:, list(INNER_LIPS)] @ rig.rotation.T
    turned = (lips @ head.rotation.transpose(1, 2))[..., :2] * head.size[:, None, None]
    low, high = turned.amin(dim=1), turned.amax(dim=1)
    center = (low + high) / 2 * rig.scale + rig.origin[:2] + head.shift
    across, down = (((high - low).amax(dim=0) / 2 + _SKIN) * rig.scale).tolist()
    return Patch.around(center, (across, down), rig.size_px, rig.lip_spacing_px)


def _lips(rig: Rig, mouth: Mouth, nodes: Motion, patch: Patch) -> tuple[Tensor, Tensor]:
    """Upper and lower sheet (n, 5, h, w): colour, pixels inside the upper and the lower sheet."""
    box = rig.mouth_box
    first = (torch.tensor([box.left, box.top]) * rig.lip_spacing_px)[:, None, None]
    rows, columns = box.shape
    # Pixels to the sheets' own grid of nodes, and back.
    to_unit = (2 / (rig.lip_spacing_px * torch.tensor([columns - 1, rows - 1])))[:, None, None]
    targets = (patch.nodes() - first) * to_unit - 1
    place = way_back(nodes.lips * to_unit, targets.repeat(2, 1, 1, 1))
    places = patch.densify((place + 1) / to_unit + first)
    upper, lower = mouth.lips.sample(places).chunk(2)
    # Beyond its edge the lower sheet has the upper lip's colours. Where the lips have parted and
    # that would be seen, its own go on.
    gap = (-upper[:, 3] - lower[:, 4]) / _PARTED_PX
    inwards = (_OWN_PX - lower[:, 4]).clamp(min=0) * gap.clamp(0, 1)
    own = places.chunk(2)[1] + mouth.down[:, None, None] * inwards[:, None]
    lower = torch.cat([mouth.lips.sample(own)[:, :3], lower[:, 3:]], dim=1)
    return upper, lower


def _interior(rig: Rig, mouth: Mouth, motion: FaceMotion, head: Head, patch: Patch) -> Tensor:
    """Colour (n, 3, h, w) behind the lips."""
    # The plane of the teeth moves rigidly with the head: its way back is a 2x2 matrix.
    matrix = head.rotation * head.size[:, None, None]
    center = rig.origin[:2] + head.shift + matrix[:, :2, 2] * (mouth.depth * rig.scale)
    back = torch.linalg.inv(matrix[:, :2, :2])
    first = (back @ (patch.corner - center)[:, :, None]) + rig.origin[:2, None]
    height, width = patch.shape
    across = back[:, :, :1] * torch.arange(width) + first
    rest = across[:, :, None] + back[:, :, 1, None, None] * torch.arange(height)[:, None]
    jaw = motion.deltas[:, list(JAW)].mean(dim=1) @ rig.rotation.T
    drop = (_INCISORS * rig.scale * jaw[:, :2])[:, :, None, None]
    lower = mouth.lower_teeth.sample(rest - drop)
    upper = mouth.upper_teeth.sample(rest)
    color = mouth.cavity[:, None, None] * (1 - lower[:, 3:]) + lower[:, :3]
    return color * (1 - upper[:, 3:]) + upper[:, :3]


def _cover(inside: Tensor, edge: float) -> Tensor:
    """Say how much a sheet covers, 0..1, so many pixels inside its edge, which is 2 edge wide."""
    t = (0.5 + inside / (2 * edge)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _light(height: Tensor, color: float) -> Tensor:
    """Say what of the light gets in, (n, 3, h, w), where lips are so many face widths apart."""
    narrow = in_picture(_NARROW, color)[:, None, None]
    return torch.lerp(narrow, torch.ones(3, 1, 1), (height / _LIT).clamp(0, 1))


def _shadow(distance: Tensor, reach: float, color: float) -> Tensor:
    darkest = in_picture(_DARKEST, color)[:, None, None]
    t = (distance / reach).clamp(0, 1)
    return darkest + (1 - darkest) * t * (2 - t)
