"""The mouth: its lips as two sheets, and what is seen between them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.identity.layer import Box, Layer
from model.identity.light import Light
from model.identity.lip_line import LipLine
from model.identity.rig import Rig
from model.identity.still import seam_shape
from model.identity.teeth import paint_lower, paint_upper
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

# In face widths: how far the front teeth stand behind the lips, how much skin around the lips comes
# to where lips are drawn.
_TEETH_BEHIND_LIPS = 0.07
_REACH_ASIDE, _REACH_DOWN = 0.2, 0.35
_CAVITY = (0.16, 0.055, 0.05)


INNER_LIPS = UPPER_INNER_LIP + LOWER_INNER_LIP


@dataclass(frozen=True)
class Mouth:
    """The mouth in the still.

    lips: colour 0..255, how many pixels a point is inside the upper and inside the lower sheet.
    upper_teeth, lower_teeth: colour premultiplied by alpha, and alpha 0..1; the lower one holds the
    tongue too. seam: how dark the shadow between lips that meet, 0..1. cavity: (3,) colour of the
    dark. depth: of the teeth, face widths, camera space. inner_lips: (22, 3) their
    landmarks at rest, camera space, face widths from the head's centre.
    """

    lips: Layer
    upper_teeth: Layer
    lower_teeth: Layer
    seam: float
    cavity: Tensor
    depth: float
    inner_lips: Tensor


def build_mouth(texture: Tensor, neutral: Tensor, rig: Rig, light: Light, seam: float) -> Mouth:
    """Prepare the mouth of a neutral face (478, 3) in pixels.

    texture: of the still, doubled; seam: how dark the seam between its lips was painted.
    """
    line = LipLine.through(neutral[:, :2])
    center = neutral[[13, 14], :2].mean(dim=0)
    # An opening mouth draws skin into its patch from beyond it.
    reach = torch.tensor([line.width / 2 + _REACH_ASIDE * rig.scale, _REACH_DOWN * rig.scale])
    lips = Layer.cut(texture, Box.around(center - reach, center + reach, rig.size_px))
    places = lips.box.samples()
    above, below = line.above(places), line.below_sheet(places)
    # Lips that part have no seam: it is painted only while they meet.
    bare = Layer(lips.box, lips.values / (1 - seam * seam_shape(above, below, rig.scale)))
    half = line.width / 2 + 0.05 * rig.scale
    teeth = Box.around(
        center - torch.tensor([half, 0.13 * rig.scale]),
        center + torch.tensor([half, 0.2 * rig.scale]),
        rig.size_px,
    )
    across, down = _in_face(teeth, center, rig)
    width, pixel = line.width / rig.scale, 1 / rig.scale
    middle_depth = float((neutral[[13, 14], 2].mean() - rig.origin[2]) / rig.scale)
    return Mouth(
        lips=bare.with_channels(above, below),
        upper_teeth=Layer(teeth, paint_upper(across, down, light, width, pixel)[None]),
        lower_teeth=Layer(teeth, paint_lower(across, down, light, width, pixel)[None]),
        seam=seam,
        cavity=torch.tensor(_CAVITY) * light.tint * light.white,
        depth=middle_depth + _TEETH_BEHIND_LIPS,
        inner_lips=(neutral[list(INNER_LIPS)] - rig.origin) / rig.scale,
    )


def _in_face(box: Box, center: Tensor, rig: Rig) -> tuple[Tensor, Tensor]:
    """Place of the box's samples in the face's own upright plane, from the middle of the mouth."""
    away = (box.samples() - center) / rig.scale
    upright = away @ torch.linalg.inv(rig.rotation[:2, :2]).T
    return upright[..., 0], upright[..., 1]
