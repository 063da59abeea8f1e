"""The portrait as a body that moves: depth, weights and landmark influence on a grid of nodes.

The grid covers the whole picture. Every node knows where it is in space, how much of the head's
motion it takes (all of it in face and hair, none of it in the background), and which landmarks move
it. Lips are two sheets that overlap: above the lip line everything hangs on the upper lip, below it
on the lower one, and each sheet goes on smoothly beneath the other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.interpolation import kriging
from model.identity.lip_line import LipLine
from model.identity.topology import LIDS, LIPS, LOWER_LIP, SKIN, UPPER_LIP
from model.identity.weights import DENSE, NUM_NODES, head_gain, node_weights, on_grid, smoothstep

# All lengths below are in face widths.
_DEPTH_LENGTH = 0.25
_DEPTH_NOISE = 0.2
# Depth per way across: turned aside by 15 degrees, steeper flanks would fold over.
_STEEPEST = 1.7
_SKULL_DEPTH = 0.0  # of hair, ears and neck: in the plane of the ears
# Skin follows in two scales: the jaw's drop fades over the whole neck, a lip's shape beside the
# lip.
_WIDE_LENGTH, _WIDE_NOISE = 0.6, 0.5
_FINE_LENGTH, _FINE_NOISE = 0.14, 0.05
# How far beside the face landmarks still move something, and how far below the chin.
_INFLUENCE_ASIDE, _INFLUENCE_DOWN = 0.4, 0.75
_NUM_CONTROLS = 100  # besides the lips
_BREATH = 0.006  # of the picture's size, that shoulders rise
_MOUTH_MARGIN = 0.3


@dataclass(frozen=True)
class NodeBox:
    """A rectangle of nodes: first and last row and column, inclusive."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top + 1, self.right - self.left + 1


@dataclass(frozen=True)
class Rig:
    """Nodes (G, G) over a picture of `size_px`, G = NUM_NODES.

    rotation: (3, 3) face space to camera, at rest. scale: pixels per face width. origin: (3,) the
    head's centre in pixels. nodes: (3, G * G) camera space, face widths, from the head's centre.
    head_weight: (G, G) 0..1. vertical_weight: (G, G) 0..1, what of that a node goes up and down.
    head_gain: 0..1, how much of a head's motion there is room for.
    breath: (2, G, G) pixels that a full breath moves a node. controls: (N,) the landmarks that move
    nodes. face_box: which nodes they move; face: (N, those).
    Lips hang on a grid that is twice as dense. mouth_box: which nodes of it; lip_nodes, lip_weight:
    (3, those) and (h, w), as above; upper, lower: (N, those), the two sheets.
    """

    size_px: int
    rotation: Tensor
    scale: float
    origin: Tensor
    nodes: Tensor
    head_weight: Tensor
    vertical_weight: Tensor
    head_gain: float
    breath: Tensor
    controls: Tensor
    face_box: NodeBox
    face: Tensor
    mouth_box: NodeBox
    lip_nodes: Tensor
    lip_weight: Tensor
    upper: Tensor
    lower: Tensor

    @property
    def spacing_px(self) -> float:
        """Distance between neighbouring nodes."""
        return (self.size_px - 1) / (NUM_NODES - 1)

    @property
    def lip_spacing_px(self) -> float:
        """Distance between neighbouring nodes of the lips."""
        return (self.size_px - 1) / (DENSE - 1)


def build_rig(
    size_px: int, landmarks: Tensor, rotation: Tensor, origin: Tensor, scale: float, person: Tensor
) -> Rig:
    """Rig a neutral portrait.

    landmarks: (478, 3) in pixels, lips closed; rotation (3, 3), origin (3,), scale: its pose;
    person: (h, w) probability that a pixel is the person.
    """
    points = (landmarks - origin) / scale
    axis = torch.linspace(0, size_px - 1, DENSE)
    flat = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
    flat = (flat - origin[:2]) / scale
    nodes = torch.cat([flat, _depth(points, flat)[:, None]], dim=1)
    lip_line = LipLine.through(points[:, :2])
    skin = points[list(SKIN), :2]
    face_box = _sparser(_box(skin, (_INFLUENCE_ASIDE, _INFLUENCE_DOWN), flat))
    mouth_box = _box(lip_line.points, (_MOUTH_MARGIN, _MOUTH_MARGIN), flat)
    head_weight, breathing, vertical_weight = node_weights(points, flat, person)
    controls = _controls(points)
    places = points[controls, :2]
    is_upper, is_lower = (
        torch.tensor([i in lip for i in controls.tolist()]) for lip in (UPPER_LIP, LOWER_LIP)
    )
    # A sheet goes on beneath the other as its lip goes, whatever chin and nose do over there.
    above = lip_line.above(places)
    between = (lip_line.beyond(places) == 0) & ~is_upper & ~is_lower
    hangs_on_upper = ~(is_lower | (between & (above < 0)))
    hangs_on_lower = ~(is_upper | (between & (above > 0)))
    # Skin bends little from node to node: every second one is enough, but for the lips.
    sparse = on_grid(flat)[::2, ::2]
    skin_nodes, lip_nodes = _boxed(sparse, face_box), _boxed(on_grid(flat), mouth_box)
    share = lip_line.upper_share(skin_nodes)[:, None]
    face = share * _sheet(places, skin_nodes, hangs_on_upper)
    face += (1 - share) * _sheet(places, skin_nodes, hangs_on_lower)
    return Rig(
        size_px=size_px,
        rotation=rotation,
        scale=scale,
        origin=origin,
        nodes=on_grid(nodes)[::2, ::2].reshape(-1, 3).T.contiguous(),
        head_weight=on_grid(head_weight)[::2, ::2].contiguous(),
        vertical_weight=on_grid(vertical_weight)[::2, ::2].contiguous(),
        head_gain=head_gain(points, flat),
        breath=_breath(on_grid(breathing)[::2, ::2], size_px),
        controls=controls,
        face_box=face_box,
        face=face.T.contiguous(),
        mouth_box=mouth_box,
        lip_nodes=_boxed(on_grid(nodes), mouth_box).T.contiguous(),
        lip_weight=_boxed(on_grid(head_weight), mouth_box).reshape(mouth_box.shape),
        upper=_sheet(places, lip_nodes, hangs_on_upper).T.contiguous(),
        lower=_sheet(places, lip_nodes, hangs_on_lower).T.contiguous(),
    )


def _depth(points: Tensor, queries: Tensor) -> Tensor:
    skin = points[list(SKIN)]
    matrix = kriging(skin[:, :2], queries, _DEPTH_LENGTH, _DEPTH_NOISE)
    depth = _SKULL_DEPTH + matrix @ (skin[:, 2] - _SKULL_DEPTH)
    return _limit_slope(depth, float(queries[1, 0] - queries[0, 0]) * _STEEPEST)


def _limit_slope(depth: Tensor, rise: float) -> Tensor:
    """Bring nodes forward until neighbours differ by `rise` at most.

    What is beside a cheek then goes with it.
    """
    grid = on_grid(depth)[None, None]
    for _ in range(DENSE // 2):
        wide = functional.pad(grid, (1, 1, 1, 1), mode="replicate")
        sides = -functional.max_pool2d(-wide, (1, 3), stride=1)[:, :, 1:-1]
        ends = -functional.max_pool2d(-wide, (3, 1), stride=1)[:, :, :, 1:-1]
        grid = torch.minimum(grid, torch.minimum(sides, ends) + rise)
    return functional.avg_pool2d(grid, 5, stride=1, padding=2, count_include_pad=False).reshape(-1)


def _controls(points: Tensor) -> Tensor:
    """Lips, and landmarks spread evenly over the rest of the skin; lids are moved on their own."""
    chosen = list(LIPS)
    rest = torch.tensor([i for i in SKIN if i not in {*LIPS, *LIDS}])
    nearest = torch.cdist(points[rest, :2], points[chosen, :2]).amin(dim=1)
    for _ in range(_NUM_CONTROLS):
        farthest = int(nearest.argmax())
        chosen.append(int(rest[farthest]))
        distance = (points[rest, :2] - points[chosen[-1], :2]).norm(dim=1)
        nearest = torch.minimum(nearest, distance)
    return torch.tensor(chosen)


def _sheet(points: Tensor, queries: Tensor, columns: Tensor) -> Tensor:
    """Influence (M, N) on nodes of the landmarks in `columns`, a mask over points (N, 2)."""
    controls = points[columns]
    wide = kriging(controls, torch.cat([queries, controls]), _WIDE_LENGTH, _WIDE_NOISE)
    missed = torch.eye(len(controls)) - wide[len(queries) :]
    fine = kriging(controls, queries, _FINE_LENGTH, _FINE_NOISE)
    matrix = torch.zeros(len(queries), len(points))
    matrix[:, columns] = wide[: len(queries)] + fine @ missed
    # Nothing far from the face may move, however little.
    away = queries[:, None] - points[None]
    reach = torch.where(away[..., 1] > 0, _INFLUENCE_DOWN, _INFLUENCE_ASIDE)
    away = torch.stack([away[..., 0] / _INFLUENCE_ASIDE, away[..., 1] / reach], dim=-1)
    return matrix * smoothstep(1 - away.norm(dim=-1).amin(dim=1, keepdim=True))


def _breath(breathing: Tensor, size_px: int) -> Tensor:
    return torch.stack([torch.zeros_like(breathing), -_BREATH * size_px * breathing])


def _box(points: Tensor, margin: tuple[float, float], flat: Tensor) -> NodeBox:
    aside, down = margin
    grid = on_grid(flat)
    columns, rows = grid[0, :, 0].contiguous(), grid[:, 0, 1].contiguous()
    low = points.amin(dim=0) - aside
    high = points.amax(dim=0) + torch.tensor([aside, down])

    def at(axis: Tensor, value: Tensor) -> int:
        return int(torch.searchsorted(axis, value).clamp(0, DENSE - 1))

    return NodeBox(at(rows, low[1]), at(rows, high[1]), at(columns, low[0]), at(columns, high[0]))


def _sparser(box: NodeBox) -> NodeBox:
    """Every second node of a box, and its rim."""
    return NodeBox(box.top // 2, (box.bottom + 1) // 2, box.left // 2, (box.right + 1) // 2)


def _boxed(grid: Tensor, box: NodeBox) -> Tensor:
    """What a grid (rows, columns, ...) has at the nodes of a box, (nodes, ...)."""
    return grid[box.top : box.bottom + 1, box.left : box.right + 1].flatten(0, 1)
