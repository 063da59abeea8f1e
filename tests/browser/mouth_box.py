"""Where the mouth is in a portrait, so that a recording can look there."""

import io

import numpy as np
from PIL import Image

from model.identity.landmarks import FaceDetector, LandmarkTracker
from tests.browser.recording import Box

# Of the face mesh: the corners of the mouth, and the inner edges of both lips in the middle.
_CORNERS = (61, 291)
_INNER_LIPS = (13, 14)


def mouth_box(image: bytes) -> Box:
    """Return the box of the lips and the gap they open; tight, so that little else moves in it.

    Raises:
        ValueError: no face in the picture.
    """
    picture = Image.open(io.BytesIO(image)).convert("RGB")
    faces = FaceDetector().detect(picture)
    landmarks = LandmarkTracker().track(picture, faces[0].roi) if faces else None
    if landmarks is None:
        raise ValueError("found no face in the picture, expected 1")
    left, right = landmarks[_CORNERS[0], :2], landmarks[_CORNERS[1], :2]
    middle = landmarks[list(_INNER_LIPS), :2].mean(axis=0)
    side = float(np.linalg.norm(right - left))
    width, height = picture.size
    # The lower lip goes down when the mouth opens; the upper one hardly moves.
    return Box(
        x=float(middle[0] - 0.4 * side) / width,
        y=float(middle[1] - 0.2 * side) / height,
        width=0.8 * side / width,
        height=0.6 * side / height,
    )
