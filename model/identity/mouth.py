"""The mouth: its lips as two sheets, and what is seen between them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.identity.layer import Box, Layer
from model.identity.light import Light
from model.identity.lip_line import LipLine
from model.identity.own_teeth import OwnTeeth
from model.identity.rig import Rig
from model.identity.still import seam_shape
from model.identity.teeth import paint_lower, paint_upper
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

# In face widths: how far the front teeth stand behind the lips, how much skin around the lips comes
# to where lips are drawn.
_TEETH_BEHIND_LIPS = 0.07
_REACH_ASIDE, _REACH_DOWN = 0.2, 0.35
# Over white. A fit to the open mouths of 50 training clips, not kept with the code, has it at
# (0.66, 0.26, 0.26), but the mean of mouths that differ looks like none of them: something pink
# fills it. This, the lips' shadow, and the colours of teeth and tongue are on the way there, chosen
# by eye.
_CAVITY = (0.30, 0.12, 0.115)
# Half the width of a lip's edge: in a sharp picture, by its softness, and at most: a wider one
# would close a mouth that is a little open.
LEAST_EDGE_PX, _EDGE_OF_SOFTNESS, _MOST_EDGE_PX = 0.8, 1.9, 3.0
# From so soft a picture on, the seam between lips that meet is paler.
_SOFT_PX = 2.0

INNER_LIPS = UPPER_INNER_LIP + LOWER_INNER_LIP


@dataclass(frozen=True)
class Mouth:
    """The mouth in the still.

    lips: colour 0..255, how many pixels a point is inside the upper and inside the lower sheet.
    down: (2,) unit vector square to the line of the lips.
    upper_teeth, lower_teeth: colour premultiplied by alpha, and alpha 0..1; the lower one holds the
    tongue too. seam: how dark the shadow between lips that meet, 0..1. cavity: (3,) colour of the
    dark. color: 1 in colours, 0 in black and white. depth: of the teeth, face widths, camera space.
    edge_px: half the width over which a lip covers what is behind it. inner_lips: (22, 3) their
    landmarks at rest, camera space, face widths from the head's centre.
    """

    lips: Layer
    down: Tensor
    upper_teeth: Layer
    lower_teeth: Layer
    seam: float
    cavity: Tensor
    color: float
    depth: float
    edge_px: float
    inner_lips: Tensor


def build_mouth(
    texture: Tensor,
    neutral: Tensor,
    rig: Rig,
    light: Light,
    softness_px: float,
    seam: float,
    own_teeth: OwnTeeth | None,
) -> Mouth:
    """Prepare the mouth of a neutral face (478, 3) in pixels.

    texture: of the still, doubled; softness_px: see `measure_softness`; seam: how dark the seam
    between its lips was painted; own_teeth: what the portrait shows of them.
    """
    line = LipLine.through(neutral[:, :2])
    center = mouth_center(neutral)
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
    upper_teeth = paint_upper(across, down, light, width, pixel, softness_px)
    if own_teeth is not None:
        upper_teeth = own_teeth.over(upper_teeth, across, down)
    middle_depth = float((neutral[[13, 14], 2].mean() - rig.origin[2]) / rig.scale)
    return Mouth(
        lips=bare.with_channels(above, below),
        down=line.down,
        upper_teeth=Layer(teeth, upper_teeth[None]),
        lower_teeth=Layer(teeth, paint_lower(across, down, light, width, pixel, softness_px)[None]),
        # A sharp line does not belong in a blurred face.
        seam=seam * min(1.0, _SOFT_PX / max(softness_px, _SOFT_PX)),
        cavity=light.on(_CAVITY),
        color=light.color,
        depth=middle_depth + _TEETH_BEHIND_LIPS,
        edge_px=min(max(_EDGE_OF_SOFTNESS * softness_px, LEAST_EDGE_PX), _MOST_EDGE_PX),
        inner_lips=(neutral[list(INNER_LIPS)] - rig.origin) / rig.scale,
    )


def mouth_center(neutral: Tensor) -> Tensor:
    """Return the middle (2,) of the closed lips of landmarks (478, 2 or more)."""
    return neutral[[13, 14], :2].mean(dim=0)


def _in_face(box: Box, center: Tensor, rig: Rig) -> tuple[Tensor, Tensor]:
    """Place of the box's samples in the face's own upright plane, from the middle of the mouth."""
    away = (box.samples() - center) / rig.scale
    upright = away @ torch.linalg.inv(rig.rotation[:2, :2]).T
    return upright[..., 0], upright[..., 1]
