"""Drawing frames: the portrait warped through its rig, with mouth and eyes laid over it.

Who wants only the person gets the frame's cutout, warped the same way.
"""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.frames.eyes import draw_eyes
from model.frames.lookup import look_up
from model.frames.mouth import draw_mouth
from model.frames.painter import MouthPainter, PaintState
from model.frames.warp import Head, Motion, head_motion, move_nodes, way_back
from model.identity.identity import Identity
from model.identity.rig import Rig
from model.identity.weights import NUM_NODES
from model.motion.face import FaceMotion


class Renderer:
    """Draws any identity; what it keeps from frame to frame is in the caller's PaintState."""

    def __init__(self, painter: MouthPainter | None = None) -> None:
        """Without a painter, the warp is all."""
        self._painter = painter

    @torch.inference_mode()
    def render(
        self,
        identity: Identity,
        motion: FaceMotion,
        breath: Tensor | None = None,
        state: PaintState | None = None,
        *,
        painted: bool = True,
    ) -> NDArray[np.uint8]:
        """Draw the next n frames (n, size_px, size_px, 3) RGB.

        breath: (n,) in -1..1 lifts the shoulders. state: what the painter knows of the frames
        before; advanced. Without one these are the first. painted: False leaves the mouth its warp.
        """
        frames = len(motion.deltas)
        if frames == 0:
            return np.empty((0, *identity.still.shape), np.uint8)
        breath = torch.zeros(frames) if breath is None else breath
        rig = identity.rig
        head, nodes, back = _move(rig, motion, breath)
        pixels = np.empty((frames, *identity.still.shape), np.uint8)
        for frame, places in zip(pixels, back.numpy(), strict=True):
            look_up(identity.texture, places, out=frame)
        draw_mouth(pixels, rig, identity.mouth, motion, nodes, head)
        draw_eyes(pixels, identity.texture, identity.eyes, back, motion.lid_closure, motion.gaze)
        if self._painter is not None:
            self._painter.paint(
                pixels, identity, head, motion, state or PaintState(), wanted=painted
            )
        return pixels

    @torch.inference_mode()
    def cut_out(
        self,
        identity: Identity,
        motion: FaceMotion,
        pixels: NDArray[np.uint8],
        breath: Tensor | None = None,
    ) -> NDArray[np.uint8]:
        """The person alone in n frames that `render` drew: (n, size_px, size_px, 4) RGB and matte.

        Colours are not multiplied by the matte; they go on beyond the person.
        """
        frames = len(motion.deltas)
        if frames == 0:
            return np.empty((0, *pixels.shape[1:3], 4), np.uint8)
        breath = torch.zeros(frames) if breath is None else breath
        _, _, back = _move(identity.rig, motion, breath)
        # It has a sample for each pixel, where the texture has two.
        person = np.stack([look_up(identity.cutout.texture, way) for way in (back / 2).numpy()])
        # Of the person all over, the frame knows more: mouth and eyes.
        np.copyto(person[..., :3], pixels, where=person[..., 3:] == 255)
        return person


def _move(rig: Rig, motion: FaceMotion, breath: Tensor) -> tuple[Head, Motion, Tensor]:
    """Where head and nodes go, and the way back from every pixel.

    The way back is (n, 2, size, size), in samples of the identity's texture.
    """
    head = head_motion(rig, motion)
    nodes = move_nodes(rig, motion, head, breath)
    coarse = way_back(nodes.picture * (2 / (rig.size_px - 1)), _targets())
    return head, nodes, _densify((coarse + 1) * (rig.size_px - 1), rig.size_px)


@functools.cache
def _targets() -> Tensor:
    """Places (1, 2, T, T), as many as there are nodes, -1..1: between them a face bends little."""
    axis = torch.linspace(-1, 1, NUM_NODES)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]


def _densify(coarse: Tensor, size_px: int) -> Tensor:
    """Interpolate (n, C, T, T) linearly to (n, C, size, size): two matrix products are fastest."""
    weights = _hats(coarse.shape[-1] - 1, size_px)
    return weights @ coarse @ weights.T


@functools.cache
def _hats(steps: int, size_px: int) -> Tensor:
    """What each of steps + 1 nodes gives each pixel, (size_px, steps + 1)."""
    place = torch.linspace(0, steps, size_px)[:, None]
    return (1 - (place - torch.arange(steps + 1)).abs()).clamp(min=0)
