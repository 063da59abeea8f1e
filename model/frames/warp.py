"""Where every node of the rig goes, and the way back from a drawn pixel to the portrait's.

A node at rest q goes to `scale * exp(s) * (R (q + d))`: weak perspective, R the head's rotation, s
the logarithm of its size, d the landmarks' displacement, interpolated. The way back is found by
Newton's method: from y to the x with x + D(x) = y.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.rig import Rig
from model.identity.weights import NUM_NODES
from model.motion.face import FaceMotion

_ITERATIONS = 4
# A fold has no way back: where the rig is squeezed to less than this area, steps stay short.
_LEAST_AREA = 0.2
_LONGEST_STEP = 1.5
# A vector times this is the matrix of its cross product, row by row.
_CROSS = torch.tensor(
    [
        [0, 0, 0, 0, 0, -1, 0, 1, 0],
        [0, 0, 1, 0, 0, 0, -1, 0, 0],
        [0, -1, 0, 1, 0, 0, 0, 0, 0],
    ],
    dtype=torch.float32,
)


@dataclass(frozen=True)
class Head:
    """The head's motion: rotation (n, 3, 3), size (n,) as a factor, shift (n, 2) in pixels."""

    rotation: Tensor
    size: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Motion:
    """Displacement of nodes in pixels: `picture` (n, 2, G, G), `lips` (2n, 2, h, w).

    The lips are two sheets over the nodes of the rig's mouth box: n times the upper one, then n
    times the lower one.
    """

    picture: Tensor
    lips: Tensor


def head_motion(rig: Rig, motion: FaceMotion) -> Head:
    """Read the head's motion in pixels of this portrait."""
    return Head(
        rotation=_rotation_matrices(motion.rotation),
        size=motion.translation[:, 2].exp(),
        shift=motion.translation[:, :2] * rig.scale,
    )


def head_at_rest() -> Head:
    """One frame of a head that is where the portrait has it."""
    return Head(rotation=torch.eye(3)[None], size=torch.ones(1), shift=torch.zeros(1, 2))


def move_nodes(rig: Rig, motion: FaceMotion, head: Head, breath: Tensor) -> Motion:
    """Displace all nodes for n frames; breath (n,) in -1..1."""
    frames = len(breath)
    matrix = head.rotation[:, :2] * (head.size * rig.scale)[:, None, None]
    rest = torch.eye(3)[:2] * rig.scale
    rigid = ((matrix - rest) @ rig.nodes + head.shift[:, :, None]).reshape(
        frames, 2, NUM_NODES, NUM_NODES
    )
    # Face space to the camera of the portrait, and on to pixels.
    moved = matrix @ rig.rotation @ motion.deltas[:, rig.controls].transpose(1, 2)
    moved = moved.reshape(2 * frames, -1)
    beneath = ((matrix - rest) @ rig.lip_nodes + head.shift[:, :, None]).reshape(
        frames, 2, *rig.mouth_box.shape
    )
    sheets = [beneath + (moved @ sheet).reshape(beneath.shape) for sheet in (rig.upper, rig.lower)]
    lips = torch.cat(sheets) * rig.lip_weight
    box = rig.face_box
    face = rigid[..., box.top : box.bottom + 1, box.left : box.right + 1]
    face += (moved @ rig.face).reshape(face.shape)
    rigid[:, 1] *= rig.vertical_weight
    picture = rigid * rig.head_weight + breath[:, None, None, None] * rig.breath
    return Motion(picture, lips)


def way_back(displacement: Tensor, targets: Tensor) -> Tensor:
    """Find the x (n, 2, r, c) with x + D(x) = y for the y in `targets` (n or 1, 2, r, c).

    displacement: D (n, 2, h, w) at nodes. All in the unit of `grid_sample` on that grid of nodes:
    -1 and 1 are its first and last node.
    """
    field = _with_slopes(displacement)
    place = targets.expand(len(field), -1, -1, -1)
    for _ in range(_ITERATIONS):
        found = functional.grid_sample(
            field, place.permute(0, 2, 3, 1), padding_mode="border", align_corners=True
        )
        missed = place + found[:, :2] - targets
        # One step of Newton, by Cramer's rule: (1 + dD/dx) step = missed.
        straight, crossed = found[:, 2:4], found[:, 4:]
        area = straight.prod(dim=1, keepdim=True) - crossed.prod(dim=1, keepdim=True)
        newton = straight * missed - crossed * missed.flip(1)
        limit = _LONGEST_STEP * missed.abs().amax(dim=1, keepdim=True)
        newton = (newton / area.clamp_(min=_LEAST_AREA)).clamp_(-limit, limit)
        place = place - newton
    return place


def _with_slopes(field: Tensor) -> Tensor:
    """Append 1 + dDy/dy, 1 + dDx/dx, dDx/dy, dDy/dx to a field (n, 2, h, w).

    All in grid_sample's units, in the order in which `way_back` multiplies them.
    """
    rows, columns = field.shape[-2:]
    wide = functional.pad(field, (1, 1, 1, 1), mode="replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) * ((columns - 1) / 4)
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) * ((rows - 1) / 4)
    return torch.cat([field, 1 + down[:, 1:], 1 + across[:, :1], down[:, :1], across[:, 1:]], dim=1)


def _rotation_matrices(vectors: Tensor) -> Tensor:
    """Rotation vectors (n, 3) to matrices (n, 3, 3), by Rodrigues' formula."""
    angle = vectors.norm(dim=1)[:, None, None]
    cross = (vectors @ _CROSS).reshape(-1, 3, 3)
    # sinc is sin(pi x) / (pi x), and whole at 0.
    once = torch.sinc(angle / math.pi)
    twice = torch.sinc(angle / (2 * math.pi)) ** 2 / 2
    return torch.eye(3) + once * cross + twice * cross @ cross
