"""The person alone in drawn frames."""

import numpy as np
import torch
from numpy.typing import NDArray

from model.frames.renderer import Renderer
from model.motion.face import FaceMotion
from tests.model.frames.motions import at_rest, moved, opened, stacked
from tests.model.identity.astronaut import identity


def drawn(motion: FaceMotion) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Frames and their cutouts."""
    frames = Renderer().render(identity(), motion)
    return frames, Renderer().cut_out(identity(), motion, frames)


def test_the_person_is_opaque_and_what_is_behind_is_not_there() -> None:
    frames, cut = drawn(at_rest())
    assert cut.shape == (1, 512, 512, 4)
    x, y = identity().landmarks[1, :2].astype(int)
    assert (cut[0, y - 100 : y + 60, x - 60 : x + 60, 3] == 255).all()
    assert (cut[0, 20:200, :20, 3] == 0).all()
    opaque = cut[0, ..., 3] == 255
    np.testing.assert_array_equal(cut[0][opaque][:, :3], frames[0][opaque])


def test_mouth_and_eyes_are_those_of_the_frame() -> None:
    motion = moved(opened(0.12), lids=1.0, rotation=(0.05, 0.2, -0.1))
    frames, cut = drawn(motion)
    opaque = cut[0, ..., 3] == 255
    assert opaque.mean() > 0.3
    np.testing.assert_array_equal(cut[0][opaque][:, :3], frames[0][opaque])


def test_the_matte_goes_with_the_head() -> None:
    scale = identity().rig.scale
    _, cut = drawn(stacked([at_rest(), moved(translation=(8 / scale, 0.0, 0.0))]))
    top = int(identity().landmarks[10, 1]) - 30
    rest, shifted = (own[top : top + 60, :, 3].astype(int) for own in cut)
    np.testing.assert_allclose(shifted[:, 80:432], rest[:, 72:424], atol=40)
    assert np.abs(shifted[:, 80:432] - rest[:, 72:424]).mean() < 2


def test_no_frames_are_no_work() -> None:
    nothing = FaceMotion(*(torch.zeros(0, *shape) for shape in ((478, 3), (2,), (2,), (3,), (3,))))
    empty = Renderer().cut_out(identity(), nothing, np.empty((0, 512, 512, 3), np.uint8))
    assert empty.shape == (0, 512, 512, 4)
