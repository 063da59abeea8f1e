"""An identity at half the size, for machines that cannot draw the whole one in time."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.identity.cutout import Cutout
from model.identity.eyes import Eyes
from model.identity.identity import Identity
from model.identity.layer import Box, Layer
from model.identity.mouth import LEAST_EDGE_PX, Mouth
from model.identity.rig import Rig


def halve(identity: Identity) -> Identity:
    """Make the identity of the same picture at half its size, which is to be even.

    A pixel of it is four of the whole's: place x of the whole is (x - 1/2) / 2. Nothing is measured
    anew, so that a face does not jump when it goes from one size to the other.
    """
    if identity.size_px % 2:
        raise ValueError(f"size_px is {identity.size_px}, expected an even number")
    texture = _image(_sparser(_planes(identity.texture)))
    return Identity(
        size_px=identity.size_px // 2,
        portrait=_image(functional.avg_pool2d(_planes(identity.portrait), 2)),
        still=np.ascontiguousarray(texture[::2, ::2]),
        texture=texture,
        cutout=Cutout(_image(functional.avg_pool2d(_planes(identity.cutout.texture), 2))),
        landmarks=_places(torch.from_numpy(identity.landmarks)).numpy(),
        kept=identity.kept,
        rig=_rig(identity.rig),
        mouth=_mouth(identity.mouth),
        eyes=_eyes(identity.eyes),
    )


def _places(points: Tensor) -> Tensor:
    """Points (..., 2 or 3) in pixels; depth has no pixels to be in the middle of."""
    middle = torch.tensor([0.5, 0.5, 0.0])[: points.shape[-1]]
    return (points - middle) / 2


def _planes(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float()


def _image(planes: Tensor) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = planes[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
    return np.ascontiguousarray(rounded)


def _sparser(texture: Tensor) -> Tensor:
    """Thin out samples at double density (1, C, 2h - 1, 2w - 1) to (1, C, h - 1, w - 1).

    The first one kept is the second: it is in the middle of four pixels.
    """
    return functional.avg_pool2d(texture, 3, stride=2)


def _rig(rig: Rig) -> Rig:
    return replace(
        rig,
        size_px=rig.size_px // 2,
        scale=rig.scale / 2,
        origin=_places(rig.origin),
        breath=rig.breath / 2,
    )


def _mouth(mouth: Mouth) -> Mouth:
    lips = _layer(mouth.lips)
    lips.values[:, 3:] /= 2  # they are in pixels
    return replace(
        mouth,
        lips=lips,
        upper_teeth=_layer(mouth.upper_teeth),
        lower_teeth=_layer(mouth.lower_teeth),
        edge_px=max(mouth.edge_px / 2, LEAST_EDGE_PX),
    )


def _layer(layer: Layer) -> Layer:
    box = layer.box
    # The first sample that is kept is at left / 2, which may be between two pixels: leave it out.
    first_row, first_column = box.top % 2, box.left % 2
    values = _sparser(layer.values)[:, :, first_row:, first_column:]
    height, width = ((length + 1) // 2 for length in values.shape[-2:])
    values = values[:, :, : 2 * height - 1, : 2 * width - 1]
    # Channels last: a look-up reads one place of memory, not one for each channel.
    packed = values.contiguous(memory_format=torch.channels_last)
    return Layer(Box((box.left + 1) // 2, (box.top + 1) // 2, width, height), packed)


def _eyes(eyes: Eyes) -> Eyes:
    return replace(
        eyes,
        left=_places(eyes.left),
        width=eyes.width / 2,
        upper=eyes.upper / 2,
        lower=eyes.lower / 2,
        room_above=eyes.room_above / 2,
        room_below=eyes.room_below / 2,
    )
