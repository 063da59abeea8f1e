"""Head pose of a face mesh, and the pose-free face space in which motion is described.

Face space: x to the right, y down, z away from the camera, the origin at the head's centre, one
unit is the width of the template's face (landmark 234 to 454). A picture is a scaled orthographic
view of it: `pixels = scale * rotation @ point + translation`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Landmarks that neither speech nor expression moves: forehead and temples, bridge and side of the
# nose, corners of the eyes.
RIGID_LANDMARKS = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 109, 67, 103, 54, 21, 162, 127, 234),
    *(6, 197, 195, 5, 168, 8, 122, 351, 196, 419, 174, 399),
    *(33, 133, 362, 263),
]


@dataclass(frozen=True)
class Pose:
    """A face's place in a picture: `rotation` (3, 3), `translation` (3,) and `scale` in pixels."""

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    scale: float

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Face space (N, 3) to pixels (N, 3)."""
        return self.scale * points @ self.rotation.T + self.translation

    def to_face(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (N, 3) to face space (N, 3)."""
        return (points - self.translation) @ self.rotation / self.scale


def fit_pose(landmarks: NDArray[np.floating], template: NDArray[np.floating]) -> Pose:
    """Least-squares pose of landmarks (478, 3) in pixels against a template (478, 3) in face space.

    Umeyama 1991, "Least-squares estimation of transformation parameters", over the rigid landmarks.
    """
    target = landmarks[RIGID_LANDMARKS].astype(np.float64)
    source = template[RIGID_LANDMARKS].astype(np.float64)
    target_mean, source_mean = target.mean(axis=0), source.mean(axis=0)
    target, source = target - target_mean, source - source_mean
    u, singular, vt = np.linalg.svd(target.T @ source)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    scale = float((singular * flip).sum() / (source**2).sum())
    return Pose(rotation, target_mean - scale * rotation @ source_mean, scale)
