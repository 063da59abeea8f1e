"""Where every node of the rig goes, and the way back from a drawn pixel to the portrait's.

A node at rest q goes to `scale * exp(s) * (R (q + d))`: weak perspective, R the head's rotation, s
the logarithm of its size, d the landmarks' displacement, interpolated. The way back is found by
Newton's method: from y to the x with x + D(x) = y.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.rig import NUM_NODES, NodeBox, Rig
from model.motion.face import FaceMotion

_ITERATIONS = 5
# A fold has no way back: where the rig is squeezed to less than this area, steps stay short.
_LEAST_AREA = 0.2
_LONGEST_STEP = 1.5


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
    beneath = _boxed(rigid, rig.mouth_box)
    sheets = [beneath + (moved @ sheet).reshape(beneath.shape) for sheet in (rig.upper, rig.lower)]
    lips = torch.cat(sheets) * _boxed(rig.head_weight, rig.mouth_box)
    face = _boxed(rigid, rig.face_box)
    face += (moved @ rig.face).reshape(face.shape)
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
        # One step of Newton: (1 + dD/dx) step = missed.
        xx, xy, yx, yy = found[:, 2:].unbind(dim=1)
        xx, yy = 1 + xx, 1 + yy
        shrink = 1 / (xx * yy - xy * yx).clamp(min=_LEAST_AREA)
        step_x = (yy * missed[:, 0] - xy * missed[:, 1]) * shrink
        step_y = (xx * missed[:, 1] - yx * missed[:, 0]) * shrink
        newton = torch.stack([step_x, step_y], dim=1)
        limit = _LONGEST_STEP * missed.abs().amax(dim=1, keepdim=True)
        place = place - newton.clamp(-limit, limit)
    return place


def _with_slopes(field: Tensor) -> Tensor:
    """Append dDx/dx, dDx/dy, dDy/dx, dDy/dy to a field (n, 2, h, w), all in grid_sample's units."""
    rows, columns = field.shape[-2:]
    wide = functional.pad(field, (1, 1, 1, 1), mode="replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) * ((columns - 1) / 4)
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) * ((rows - 1) / 4)
    slopes = torch.stack([across, down], dim=2).flatten(1, 2)
    return torch.cat([field, slopes], dim=1)


def _boxed(grid: Tensor, box: NodeBox) -> Tensor:
    """View of the nodes in a box, of a grid (..., G, G)."""
    return grid[..., box.top : box.bottom + 1, box.left : box.right + 1]


def _rotation_matrices(vectors: Tensor) -> Tensor:
    """Rotation vectors (n, 3) to matrices (n, 3, 3), by the exponential map."""
    x, y, z = vectors.unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    matrices: Tensor = torch.linalg.matrix_exp(cross)
    return matrices
