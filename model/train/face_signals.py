"""Read lids, gaze, head and lips off de-posed faces: what motion vectors are made of."""

import numpy as np
from numpy.typing import NDArray

from model.identity.pose import Pose
from model.motion.space import INNER_LIP_PAIRS

NEUTRAL_SHARE = 0.08
# Upper lid, lower lid, corners: image left (person's right) eye, then the other.
EYES = (
    ((158, 159, 160), (153, 145, 144), (33, 133), 468),
    ((385, 386, 387), (380, 374, 373), (362, 263), 473),
)


def lip_gap(faces: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean opening (L,) of the inner lips of de-posed faces (L, 478, 3), in face widths."""
    upper, lower = np.array(INNER_LIP_PAIRS)[2:-2].T
    return np.asarray((faces[:, lower, 1] - faces[:, upper, 1]).mean(axis=1), np.float64)


def neutral_face(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of the frames with the most closed lips; faces (L, 478, 3)."""
    gap = lip_gap(faces)
    closed = gap <= np.quantile(gap, NEUTRAL_SHARE) + 0.003
    return np.median(faces[closed], axis=0)


def eye_opening(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lid distance over eye width, (L, 2)."""
    columns = []
    for upper, lower, (outer, inner), _ in EYES:
        height = np.linalg.norm(faces[:, upper] - faces[:, lower], axis=-1).mean(axis=1)
        width = np.linalg.norm(faces[:, outer] - faces[:, inner], axis=-1)
        columns.append(height / width)
    return np.stack(columns, axis=1)


def lid_closure(faces: NDArray[np.float64], pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 open ... 1 closed (L, 2), against the openings (N, 2) this speaker was seen with."""
    opened = np.median(pooled, axis=0)
    seen = np.quantile(pooled, 0.003, axis=0)
    closed = np.where(seen < 0.5 * opened, np.maximum(seen, 0.1 * opened), 0.3 * opened)
    return np.clip((opened - eye_opening(faces)) / (opened - closed), -0.6, 1.1)


def gaze_shift(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both irises' mean place between the corners of their eyes, in eye widths, (L, 2)."""
    shifts = []
    for _, _, (outer, inner), iris in EYES:
        width = np.linalg.norm(faces[:, outer] - faces[:, inner], axis=-1)[:, None]
        middle = (faces[:, outer] + faces[:, inner]) / 2
        shifts.append((faces[:, iris] - middle)[:, :2] / width)
    return np.asarray(np.mean(shifts, axis=0), np.float64)


def head_motion(poses: list[Pose]) -> NDArray[np.float64]:
    """Rotation vector and translation (L, 6) against the clip's mean pose, as in `FaceMotion`."""
    rotations = np.stack([pose.rotation for pose in poses])
    u, _, vt = np.linalg.svd(rotations.mean(axis=0))
    relative = np.einsum("lij,kj->lik", rotations, u @ vt)
    rotvec = np.stack(
        [
            relative[:, 2, 1] - relative[:, 1, 2],
            relative[:, 0, 2] - relative[:, 2, 0],
            relative[:, 1, 0] - relative[:, 0, 1],
        ],
        axis=1,
    )
    sine = np.linalg.norm(rotvec, axis=1, keepdims=True) / 2
    angle = np.arcsin(np.clip(sine, 0, 1))
    rotvec = rotvec / 2 * np.where(sine > 1e-6, angle / np.maximum(sine, 1e-6), 1.0)
    scale = np.array([pose.scale for pose in poses])
    places = np.stack([pose.translation[:2] for pose in poses]) / np.median(scale)
    return np.concatenate(
        [
            rotvec,
            places - places.mean(axis=0),
            (np.log(scale) - np.log(scale).mean())[:, None],
        ],
        axis=1,
    )


def smooth(values: NDArray[np.float64], kernel: tuple[float, ...]) -> NDArray[np.float64]:
    """Filter (L, C) along time with a short symmetric kernel; the ends are held."""
    half = len(kernel) // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    parts = [k * padded[i : i + len(values)] for i, k in enumerate(kernel)]
    return np.asarray(np.sum(parts, axis=0) / sum(kernel), np.float64)
