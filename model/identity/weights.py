"""How much of the head's motion each node makes, and what the edges of the picture hold."""

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.topology import SKIN

NUM_NODES = 65  # per side
DENSE = 2 * NUM_NODES - 1  # per side of the grid that the lips hang on

# All lengths below are in face widths.
_NECK = 0.62  # from the chin to where the shoulders begin
_SHOULDER_SHARE = 0.12  # of the head's motion
# Of background that gives way, around the head and around the shoulders.
_HALO, _SHOULDER_HALO = 0.4, 0.15
_HOLD = 0.15  # above the picture's lower edge, which holds the shoulders
_HOLD_ABOVE = 0.3  # below and beside where the picture's upper edge cuts hair off, and holds it
# How far above the forehead's landmarks the edge holds all of it, and from where on it only touches
# the hair's end, and lets it go.
_CUT_OFF, _WHOLE = 0.25, 0.45
# A face nearer to an edge than this moves less, in proportion, down to a share: what comes in from
# beyond the edge is unknown. Of 129 portraits 24 are nearer.
_FREE_ROOM, _LEAST_HEAD_GAIN = 0.45, 0.15


def node_weights(points: Tensor, queries: Tensor, person: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Head weight, how much a node breathes, and what of its ups and downs it does, all (M,)."""
    nearest = functional.interpolate(
        person[None, None], (DENSE, DENSE), mode="bilinear", antialias=True
    ).reshape(-1)
    face = points[list(SKIN), :2]
    near_face = torch.cdist(queries, face).amin(dim=1)
    inside = (nearest > 0.5) | (near_face < 0.08)
    outside = _distance_to(queries, inside)
    chin = points[152, :2]
    up = points[10, :2] - chin
    up = up / up.norm()
    below_chin = -((queries - chin) @ up)
    shoulders = smoothstep(below_chin / _NECK)
    neck = 1 - (1 - _SHOULDER_SHARE) * shoulders
    body = _fade(outside / torch.lerp(torch.tensor(_HALO), torch.tensor(_SHOULDER_HALO), shoulders))
    # Far beside the head there is no neck: hands, other people and furniture stay where they are.
    aside = ((queries - chin) @ torch.stack([-up[1], up[0]])).abs()
    reach = 1 - smoothstep((aside - 0.8) / 1.0)
    # What shows at the bottom goes on beyond it: it stretches rather than to be torn off the edge.
    held = 1 - smoothstep((queries[-1, 1] - queries[:, 1]) / _HOLD)
    weight = (body * neck * reach - _SHOULDER_SHARE * held).clamp(min=0)
    return weight, body * shoulders * (1 - held), 1 - _held_above(face, queries, inside)


def _held_above(face: Tensor, queries: Tensor, inside: Tensor) -> Tensor:
    """How much (M,) the upper edge holds a node: only where the person goes on beyond it.

    Along the edge it may move: nothing comes in from beyond.
    """
    cut_off = on_grid(inside)[0]
    if not bool(cut_off.any()):
        return torch.zeros(len(queries))
    grid = on_grid(queries)
    across, down = grid[0, :, 0], grid[:, 0, 1]
    room = face[:, 1].min() - down[0]
    strength = 1 - smoothstep((room - _CUT_OFF) / (_WHOLE - _CUT_OFF))
    beside = (across[:, None] - across[cut_off]).abs().amin(dim=1)
    columns, rows = (1 - smoothstep(away / _HOLD_ABOVE) for away in (beside, down - down[0]))
    return (strength * rows[:, None] * columns).reshape(-1)


def head_gain(points: Tensor, queries: Tensor) -> float:
    """Which share of its motion a head makes that is near to the picture's edges."""
    before, after = points[:, :2].amin(dim=0) - queries[0], queries[-1] - points[:, :2].amax(dim=0)
    room = float(torch.minimum(before, after).min())
    return min(max(room / _FREE_ROOM, _LEAST_HEAD_GAIN), 1.0)


def _distance_to(queries: Tensor, inside: Tensor) -> Tensor:
    grid = on_grid(inside)
    padded = functional.pad(grid[None, None].float(), (1, 1, 1, 1), mode="replicate")
    core = -functional.max_pool2d(-padded, 3, stride=1)[0, 0] > 0
    edge = (grid & ~core).reshape(-1)
    if not bool(edge.any()):
        return torch.where(inside, 0.0, torch.inf)
    distance = torch.cdist(queries, queries[edge]).amin(dim=1)
    return torch.where(inside, 0.0, distance)


def on_grid(values: Tensor) -> Tensor:
    """Values (M, ...) of all nodes of the dense grid as (rows, columns, ...)."""
    return values.reshape(DENSE, DENSE, *values.shape[1:])


def _fade(x: Tensor) -> Tensor:
    """From 1 at 0 to 0 at 1, less steep in the middle than a smoothstep, so that less folds."""
    return 1 - 0.5 * (smoothstep(x) + x.clamp(0, 1))


def smoothstep(x: Tensor) -> Tensor:
    """Rise from 0 at 0 to 1 at 1, level at both."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
