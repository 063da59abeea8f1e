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

_ITERATIONS = 4
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
    """Displacement of nodes in pixels: `picture` (n, 2, G, G); `upper`, `lower` (n, 2, h, w).

    The last two are the lips' sheets, over the nodes of the rig's mouth box.
    """

    picture: Tensor
    upper: Tensor
    lower: Tensor


def head_motion(rig: Rig, motion: FaceMotion) -> Head:
    """Read the head's motion in pixels of this portrait."""
    return Head(
        rotation=_rotation_matrices(motion.rotation),
        size=motion.translation[:, 2].exp(),
        shift=motion.translation[:, :2] * rig.scale,
    )


def move_nodes(rig: Rig, motion: FaceMotion, head: Head, breath: Tensor) -> Motion:
    """Displace all nodes for n frames; breath (n,) in -1..1."""
    frames = len(breath)
    # Face space to the camera of the portrait.
    deltas = (
        (motion.deltas[:, rig.controls] @ rig.rotation.T).permute(1, 0, 2).reshape(-1, frames * 3)
    )
    picture = _displace(rig, rig.nodes, None, head)
    box = rig.face_box
    at_rest = _boxed(rig.nodes, box)
    inside = _displace(rig, at_rest, (rig.face @ deltas).reshape(-1, frames, 3), head)
    picture = picture.reshape(frames, NUM_NODES, NUM_NODES, 2)
    picture[:, box.top : box.bottom + 1, box.left : box.right + 1] = inside.reshape(
        frames, *box.shape, 2
    )
    weight = rig.head_weight.reshape(NUM_NODES, NUM_NODES, 1)
    picture = picture * weight
    picture = picture + breath[:, None, None, None] * rig.breath.reshape(NUM_NODES, NUM_NODES, 2)
    sheets = []
    lips = rig.mouth_box
    lips_weight = _boxed(rig.head_weight[:, None], lips)
    lips_at_rest = _boxed(rig.nodes, lips)
    for matrix in (rig.upper, rig.lower):
        sheet = _displace(rig, lips_at_rest, (matrix @ deltas).reshape(-1, frames, 3), head)
        sheets.append((sheet * lips_weight).reshape(frames, *lips.shape, 2).permute(0, 3, 1, 2))
    return Motion(picture.permute(0, 3, 1, 2).contiguous(), *(s.contiguous() for s in sheets))


def way_back(displacement: Tensor, targets: Tensor, origin: Tensor, step: float) -> Tensor:
    """Find x with x + D(x) = y for y in `targets`; returns x - y.

    displacement: D (n, 2, h, w) in pixels at nodes `step` pixels apart, the first at `origin` (2,);
    targets: (n or 1, r, c, 2) in pixels; result (n, 2, r, c).
    """
    rows, columns = displacement.shape[-2:]
    to_unit = torch.tensor([2 / (step * (columns - 1)), 2 / (step * (rows - 1))])
    base = (targets - origin) * to_unit - 1
    # In grid_sample's units from here on.
    field = _with_slopes(displacement * to_unit[:, None, None])
    base = base.permute(0, 3, 1, 2).expand(len(field), -1, -1, -1)
    place = base
    for _ in range(_ITERATIONS):
        d, slopes = _look_up(field, place)
        missed = place + d - base
        # One step of Newton: (1 + dD/dx) step = missed.
        xx, xy, yx, yy = slopes.unbind(dim=1)
        xx, yy = 1 + xx, 1 + yy
        shrink = 1 / (xx * yy - xy * yx).clamp(min=_LEAST_AREA)
        step_x = (yy * missed[:, 0] - xy * missed[:, 1]) * shrink
        step_y = (xx * missed[:, 1] - yx * missed[:, 0]) * shrink
        newton = torch.stack([step_x, step_y], dim=1)
        limit = _LONGEST_STEP * missed.abs().amax(dim=1, keepdim=True)
        place = place - newton.clamp(-limit, limit)
    return (place - base) / to_unit[:, None, None]


def _look_up(field: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    found = functional.grid_sample(
        field, place.permute(0, 2, 3, 1), padding_mode="border", align_corners=True
    )
    return found[:, :2], found[:, 2:]


def _with_slopes(field: Tensor) -> Tensor:
    """Append dDx/dx, dDx/dy, dDy/dx, dDy/dy to a field (n, 2, h, w), all in grid_sample's units."""
    rows, columns = field.shape[-2:]
    wide = functional.pad(field, (1, 1, 1, 1), mode="replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) * ((columns - 1) / 4)
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) * ((rows - 1) / 4)
    slopes = torch.stack([across, down], dim=2).flatten(1, 2)
    return torch.cat([field, slopes], dim=1)


def _displace(rig: Rig, nodes: Tensor, deltas: Tensor | None, head: Head) -> Tensor:
    """Displacement (n, M, 2) in pixels of nodes (M, 3), moved by deltas (M, n, 3)."""
    matrix = head.rotation * head.size[:, None, None]
    change = (matrix - torch.eye(3))[:, :2]
    moved = nodes @ change.transpose(1, 2)
    if deltas is not None:
        moved = moved + deltas.permute(1, 0, 2) @ matrix[:, :2].transpose(1, 2)
    return moved * rig.scale + head.shift[:, None]


def _boxed(values: Tensor, box: NodeBox) -> Tensor:
    grid = values.reshape(NUM_NODES, NUM_NODES, -1)
    inside = grid[box.top : box.bottom + 1, box.left : box.right + 1]
    return inside.reshape(-1, values.shape[1])


def _rotation_matrices(vectors: Tensor) -> Tensor:
    """Rotation vectors (n, 3) to matrices (n, 3, 3), by the exponential map."""
    x, y, z = vectors.unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    matrices: Tensor = torch.linalg.matrix_exp(cross)
    return matrices
