"""Drawing frames: the portrait warped through its rig, with mouth and eyes laid over it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.frames.eyes import draw_eye
from model.frames.mouth import draw_mouth
from model.frames.warp import head_motion, move_nodes, way_back
from model.identity.identity import Identity
from model.identity.rig import NUM_NODES
from model.motion.face import FaceMotion


class Renderer:
    """Draws any identity; keeps nothing between calls."""

    @torch.inference_mode()
    def render(
        self, identity: Identity, motion: FaceMotion, breath: Tensor | None = None
    ) -> NDArray[np.uint8]:
        """Draw n frames (n, size_px, size_px, 3) RGB; breath (n,) in -1..1 lifts the shoulders."""
        frames = len(motion.deltas)
        if frames == 0:
            return np.empty((0, *identity.still.shape), np.uint8)
        breath = torch.zeros(frames) if breath is None else breath
        rig = identity.rig
        head = head_motion(rig, motion)
        nodes = move_nodes(rig, motion, head, breath)
        back = self._way_back(identity, nodes.picture)
        grid = (back * (2 / (identity.size_px - 1)) - 1).permute(0, 2, 3, 1)
        drawn = functional.grid_sample(
            identity.texture.expand(frames, -1, -1, -1),
            grid,
            mode="bilinear",
            padding_mode="border",
            align_corners=True,
        )
        draw_mouth(drawn, rig, identity.mouth, motion, nodes, head)
        for side, eye in enumerate(identity.eyes):
            closure = motion.lid_closure[:, side]
            draw_eye(drawn, identity.texture, eye, back, closure, motion.gaze)
        rounded = drawn.add_(0.5).to(torch.uint8)
        return rounded.permute(0, 2, 3, 1).contiguous().numpy()

    def _way_back(self, identity: Identity, displacement: Tensor) -> Tensor:
        """Where in the still each pixel comes from (n, 2, size, size), in pixels."""
        size = identity.size_px
        nodes = torch.linspace(0, size - 1, NUM_NODES)
        targets = torch.stack(torch.meshgrid(nodes, nodes, indexing="xy"), dim=-1)[None]
        offset = way_back(displacement, targets, torch.zeros(2), identity.rig.spacing_px)
        dense = functional.interpolate(offset, (size, size), mode="bilinear", align_corners=True)
        axis = torch.arange(size, dtype=torch.float32)
        return dense + torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
