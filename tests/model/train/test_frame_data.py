import numpy as np
import torch

from model.train.frame_data import motion_to
from tests.model.identity.astronaut import identity, space


def test_going_to_its_own_landmarks_is_rest() -> None:
    motion = motion_to(identity(), identity().landmarks[None].astype(np.float64), space())
    assert motion.deltas.abs().max() < 0.02
    assert motion.rotation.norm() < 0.02
    assert motion.translation.norm() < 0.02


def test_a_face_that_is_moved_and_turned_is_followed() -> None:
    angle = 0.15
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    center = identity().rig.origin.numpy()
    moved = (identity().landmarks - center) @ turn.T * 1.1 + center + [20.0, 0.0, 0.0]
    still = motion_to(identity(), identity().landmarks[None].astype(np.float64), space())
    motion = motion_to(identity(), moved[None], space())
    torch.testing.assert_close(
        motion.rotation[0], torch.tensor([0.0, 0.0, angle]), rtol=0, atol=0.02
    )
    shift = motion.translation - still.translation
    expected = [20.0 / identity().rig.scale, 0.0, float(np.log(1.1))]
    torch.testing.assert_close(shift[0], torch.tensor(expected), rtol=0, atol=0.01)
    torch.testing.assert_close(motion.deltas, still.deltas, rtol=0, atol=0.01)
