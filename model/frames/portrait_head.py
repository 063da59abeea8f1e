"""From the motion of any head to that of a portrait's, which may be tilted and without room."""

from dataclasses import replace

import torch
from torch import Tensor

from model.identity.rig import Rig
from model.motion.face import FaceMotion
from model.motion.gaze import counter_rotation
from model.motion.space import MotionSpace


def with_its_room(rig: Rig, motion: Tensor, space: MotionSpace) -> Tensor:
    """Take from motion vectors (n, M or more) what of the head's motion there is no room for.

    And of the gaze what would have turned against it.
    """
    missing = 1 - rig.head_gain
    result = motion.clone()
    result[:, space.gaze] -= missing * counter_rotation(motion[:, space.head])
    result[:, space.head] -= missing * motion[:, space.head]
    return result


def with_its_tilt(rig: Rig, face: FaceMotion) -> FaceMotion:
    """Turn an upright head's motion in the picture's plane, as the portrait's head is turned.

    So that one that is tilted nods along its own face. Gaze needs none: eyes have their own axes.
    """
    axis = rig.rotation[:2, 0]
    cos, sin = axis / axis.norm()
    turn = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    rotation, translation = face.rotation.clone(), face.translation.clone()
    rotation[:, :2] = face.rotation[:, :2] @ turn.T
    translation[:, :2] = face.translation[:, :2] @ turn.T
    return replace(face, rotation=rotation, translation=translation)
