"""All that is computed once from a portrait, and how."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.identity.cutout import Cutout, cut_out
from model.identity.eyes import Eyes, build_eyes
from model.identity.light import measure_light
from model.identity.lips import close_lips, lip_gap
from model.identity.mouth import Mouth, build_mouth, mouth_center
from model.identity.own_teeth import find_teeth
from model.identity.person import person_mask
from model.identity.picture import PortraitError
from model.identity.portrait import Portrait, read_portrait
from model.identity.pose import Pose, fit_pose
from model.identity.rig import Rig, build_rig
from model.identity.softness import MOST_SOFTNESS_PX, measure_softness
from model.identity.still import bring_to_neutral
from model.identity.topology import LIDS

MAX_YAW_DEGREES = 40
MAX_PITCH_DEGREES = 35
MAX_ROLL_DEGREES = 50
MIN_SIZE_PX, MAX_SIZE_PX = 256, 1024
# In face widths. Chins and lips of mouths that were open farther (or put a tongue out) do not look
# like a person's when they are closed: of 129 portraits four do that, from 0.2 on; the next have
# 0.13, and close well.
MAX_LIP_GAP = 0.18
# Of a portrait's own expression, what the face at rest keeps: one that smiles goes on smiling. The
# jaw of an open mouth stays down by as much, so it is less, the farther the lips are apart: nothing
# from the wider of two gaps on, in face widths.
_KEPT_EXPRESSION, _KEPT_UP_TO = 0.5, (0.1, 0.2)


Neutralize = Callable[[NDArray[np.floating]], NDArray[np.float64]]


@dataclass(frozen=True)
class Identity:
    """One portrait, ready to be drawn.

    portrait: (size_px, size_px, 3) uint8 RGB, as it came. still: the same at rest, with closed lips
    and at most half of its expression.
    texture: (2 * size_px - 1, 2 * size_px - 1, 3) uint8, the still at double density, every second
    sample the still's own. cutout: the person of the still alone. landmarks: (478, 3) of the still,
    pixels. kept: (478, 3) what the still has of the portrait's expression, in face space. half: the
    same at half the size, see `halve`; only a half has none.
    """

    size_px: int
    portrait: NDArray[np.uint8]
    still: NDArray[np.uint8]
    texture: NDArray[np.uint8]
    cutout: Cutout
    landmarks: NDArray[np.float32]
    kept: Tensor
    rig: Rig
    mouth: Mouth
    eyes: Eyes
    half: "Identity | None" = None


def build_identity(
    image: bytes, template: NDArray[np.floating], neutralize: Neutralize, size_px: int = 512
) -> Identity:
    """Make an identity of a picture file; raises PortraitError when it cannot.

    template: (478, 3) mean neutral face in face space. neutralize: takes the expression off a face
    (478, 3) in face space.
    """
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise ValueError(f"size_px is {size_px}, expected {MIN_SIZE_PX}..{MAX_SIZE_PX}")
    return rig_portrait(read_portrait(image, size_px), template, neutralize)


def rig_portrait(
    portrait: Portrait, template: NDArray[np.floating], neutralize: Neutralize
) -> Identity:
    """Make an identity of a portrait that is framed already; raises PortraitError."""
    size_px = portrait.image.width
    pose = fit_pose(portrait.landmarks, template)
    check_pose(pose)
    face = pose.to_face(portrait.landmarks)
    gap = float(np.abs(lip_gap(face)).max())
    if gap > MAX_LIP_GAP:
        raise PortraitError(
            f"the mouth is open by {gap:.0%} of the face's width, at most {MAX_LIP_GAP:.0%} can be "
            "closed: use a picture with lips nearer together, and no tongue between them"
        )
    share = np.interp(gap, _KEPT_UP_TO, (_KEPT_EXPRESSION, 0.0))
    plain = neutralize(face)
    at_rest = close_lips(plain * (1 - share) + face * share)
    neutral = torch.from_numpy(pose.to_picture(at_rest)).float()
    landmarks = torch.from_numpy(portrait.landmarks)
    rotation = torch.from_numpy(pose.rotation).float()
    rig = build_rig(
        size_px,
        neutral,
        rotation,
        torch.from_numpy(pose.translation).float(),
        pose.scale,
        torch.from_numpy(person_mask(portrait.image)),
    )
    pixels = torch.from_numpy(np.array(portrait.image))
    softness_px = measure_softness(pixels.numpy(), landmarks[:, :2])
    if softness_px >= MOST_SOFTNESS_PX:
        raise PortraitError("the face is too blurred to find its features: use a sharper picture")
    still = bring_to_neutral(pixels, rig, landmarks[:, :2], neutral[:, :2])
    texture = _double(still.image.numpy())
    # Not the portrait's: a chin that closes takes its outline with it.
    person_of_still = torch.from_numpy(person_mask(Image.fromarray(still.image.numpy())))
    # Lids and irises keep the portrait's opening and gaze; they only go where their skin goes.
    eyes = [*LIDS, *range(468, 478)]
    neutral[eyes, :2] = still.carry(landmarks[eyes, :2])
    return Identity(
        size_px=size_px,
        portrait=pixels.numpy(),
        still=still.image.numpy(),
        texture=texture,
        cutout=cut_out(still.image, person_of_still, neutral[:, :2]),
        landmarks=neutral.numpy(),
        kept=torch.from_numpy(at_rest - close_lips(plain)).float(),
        rig=rig,
        mouth=build_mouth(
            torch.from_numpy(texture).permute(2, 0, 1)[None].float(),
            neutral,
            rig,
            measure_light(pixels, landmarks[:, :2], rig.scale),
            softness_px,
            still.seam,
            find_teeth(pixels.numpy(), landmarks[:, :2], mouth_center(neutral), rig),
        ),
        eyes=build_eyes(neutral[:, :2]),
    )


def check_pose(pose: Pose) -> None:
    """Raise PortraitError when the head is turned too far away to be animated."""
    forward = pose.rotation[:, 2]
    yaw = math.degrees(math.atan2(forward[0], forward[2]))
    pitch = math.degrees(math.asin(float(np.clip(forward[1], -1, 1))))
    roll = math.degrees(math.atan2(pose.rotation[1, 0], pose.rotation[0, 0]))
    if abs(roll) > MAX_ROLL_DEGREES:
        raise PortraitError(
            f"the head is tilted by {abs(roll):.0f} degrees, at most {MAX_ROLL_DEGREES} can be "
            "animated: turn the picture upright"
        )
    limits = (("aside", yaw, MAX_YAW_DEGREES), ("up or down", pitch, MAX_PITCH_DEGREES))
    for name, angle, limit in limits:
        if abs(angle) > limit:
            raise PortraitError(
                f"the head is turned {abs(angle):.0f} degrees {name}, at most {limit} can be "
                "animated: use a picture that looks nearer to the camera"
            )


def _double(still: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Double the density of (h, h, 3) by Lanczos interpolation: (2h - 1, 2h - 1, 3).

    Sampling it bilinearly stays as sharp between pixels as it is on them, so a picture does not
    soften when it starts to move.
    """
    size = len(still)
    doubled = Image.fromarray(still).resize(
        (2 * size - 1, 2 * size - 1),
        Image.Resampling.LANCZOS,
        # Sample k is at pixel k / 2; Pillow's box counts from the first pixel's corner.
        box=(0.25, 0.25, size - 0.25, size - 0.25),
    )
    texture: NDArray[np.uint8] = np.array(doubled)
    texture[::2, ::2] = still
    return texture
