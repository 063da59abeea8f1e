"""Learn the motion space from tracked clips: `python -m model.train.motion_space DATA TRACKS`.

Writes `model/weights/motion_space.safetensors` and, for training the denoiser, every clip as motion
vectors (`TRACKS/../motion/<clip id>.npz`: `motion` (L, M) float32, `valid` (L,) bool). The basis is
learned on the `train` split alone.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.identity.pose import RIGID_LANDMARKS, Pose, fit_pose
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.train.face_signals import (
    eye_opening,
    gaze_shift,
    head_motion,
    lid_closure,
    neutral_face,
    smooth,
)

NUM_MOUTH = 20
NUM_BROW = 4
# The grid speaks with one face for most of the minutes: no speaker may own the basis.
MAX_FRAMES_PER_SPEAKER = 4000
LIP_EMPHASIS = 4.0
LIPS = sorted(
    {i for pair in INNER_LIP_PAIRS for i in pair}
    | {61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146}
    | {78, 308}
)


@dataclass
class TrackedClip:
    """One clip, de-posed: faces (L, 478, 3), poses, which frames are valid (L,)."""

    clip_id: str
    speaker: str
    train: bool
    faces: NDArray[np.float64]
    poses: list[Pose]
    valid: NDArray[np.bool_]


def mean_face(landmarks: NDArray[np.float32], rounds: int = 8) -> NDArray[np.float64]:
    """Generalised Procrustes mean (478, 3) of landmarks (N, 478, 3), upright, face width 1."""
    template: NDArray[np.float64] = landmarks[0].astype(np.float64)
    for _ in range(rounds):
        aligned = np.stack([fit_pose(face, template).to_face(face) for face in landmarks])
        template = np.median(aligned, axis=0)
        x = template[454] - template[234]
        width = np.linalg.norm(x)
        x = x / width
        y = template[152] - template[10]
        y = y - (y @ x) * x
        y = y / np.linalg.norm(y)
        axes = np.stack([x, y, np.cross(x, y)])
        template = (template - (template[234] + template[454]) / 2) @ axes.T / width
    return (template + template[mirror_of(template)] * [-1, 1, 1]) / 2


def mirror_of(template: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return for every landmark the one that is its mirror image (478,)."""
    distance = np.linalg.norm(template[:, None] - (template * [-1, 1, 1])[None], axis=-1)
    return np.asarray(distance.argmin(axis=1))


def load_clip(row: dict[str, str], tracks: Path, template: NDArray[np.float64]) -> TrackedClip:
    """De-pose one tracked clip."""
    landmarks = np.load(tracks / f"{row['id']}.npz")["landmarks"].astype(np.float64)
    valid = ~np.isnan(landmarks).any(axis=(1, 2))
    first = landmarks[valid][0] if valid.any() else template * 100
    landmarks[~valid] = first
    poses = [fit_pose(face, template) for face in landmarks]
    faces = np.stack([pose.to_face(face) for pose, face in zip(poses, landmarks, strict=True)])
    return TrackedClip(row["id"], row["speaker"], row["split"] == "train", faces, poses, valid)


def region_masks(
    template: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much each landmark belongs to the mouth and to the brows, two of (478,) in 0..1."""

    def ramp(values: NDArray[np.float64], start: float, end: float) -> NDArray[np.float64]:
        t = np.clip((values - start) / (end - start), 0, 1)
        return t * t * (3 - 2 * t)

    y = template[:, 1]
    mouth = ramp(y, -0.06, 0.1)
    brows = ramp(-y, 0.19, 0.25) * ramp(y, -0.56, -0.45)
    nose_and_rim = [i for i in RIGID_LANDMARKS if i not in (127, 234, 356, 454)]
    mouth[nose_and_rim] = 0
    mouth[468:] = brows[468:] = 0
    return mouth, brows


def principal(
    deltas: NDArray[np.float64], emphasis: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Components (count, 478, 3), scaled to one standard deviation, of deltas (N, 478, 3).

    The axes are chosen under a per-landmark `emphasis` (478,), so that lips keep their precision.
    """
    flat = (deltas * emphasis[:, None]).reshape(len(deltas), -1)
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    axes = vectors[:, ::-1][:, :count].T
    std = (flat @ axes.T).std(axis=0)
    print("explained", np.round(np.cumsum(values[::-1][:count]) / values.sum(), 3))
    basis = (axes * std[:, None]).reshape(count, *deltas.shape[1:])
    return np.asarray(basis / emphasis[:, None])


def encode(
    deltas: NDArray[np.float64], basis: NDArray[np.float64], emphasis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least-squares coefficients (L, K), under `emphasis`, of deltas (L, 478, 3)."""
    weighted = (basis * emphasis[:, None]).reshape(len(basis), -1)
    target = (deltas * emphasis[:, None]).reshape(len(deltas), -1)
    return np.asarray(np.linalg.lstsq(weighted.T, target.T, rcond=None)[0].T, np.float64)


def neutral_filter(
    neutrals: NDArray[np.float64], portraits: NDArray[np.float64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Wiener gain (K, 1434): expression coefficients of a face whose identity is unknown."""
    mean = neutrals.mean(axis=0)
    identity = (neutrals - mean).reshape(len(neutrals), -1)
    faces = (portraits - mean).reshape(len(portraits), -1)
    flat = basis.reshape(len(basis), -1)
    # Portraits smile: what the expression basis explains of them is no evidence of identity.
    faces = faces - faces @ np.linalg.pinv(flat) @ flat
    covariance = identity.T @ identity / len(identity) + faces.T @ faces / len(faces)
    # A portrait is posed, a talker is caught in passing: expressions are wider than in speech.
    expression = flat * 2.0
    noise = 0.006**2 * np.eye(flat.shape[1])
    gain = expression @ np.linalg.inv(expression.T @ expression + covariance + noise)
    return np.asarray(gain * 2.0)


def main() -> None:
    """Fit the space on `train`, encode every clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--out", type=Path, default=Path("model/weights/motion_space.safetensors"))
    args = parser.parse_args()
    with (args.data / "clips.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    portraits = np.load(args.tracks / "portraits.npz")["landmarks"]
    portraits = portraits[~np.isnan(portraits).any(axis=(1, 2))]
    template = mean_face(portraits)
    clips = [load_clip(row, args.tracks, template) for row in rows]
    clips = [clip for clip in clips if clip.valid.mean() > 0.9]
    print(f"{len(clips)} of {len(rows)} clips have a face throughout")

    by_speaker: dict[str, list[TrackedClip]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    neutral: dict[str, NDArray[np.float64]] = {}
    openings: dict[str, NDArray[np.float64]] = {}
    for speaker, own in by_speaker.items():
        pooled = np.concatenate([clip.faces[clip.valid] for clip in own])
        neutral[speaker] = neutral_face(pooled)
        openings[speaker] = eye_opening(pooled)

    mouth_mask, brow_mask = region_masks(template)
    mirror = mirror_of(template)
    rng = np.random.default_rng(0)
    parts = []
    for speaker, own in by_speaker.items():
        faces = [clip.faces[clip.valid] for clip in own if clip.train]
        if faces:
            deltas = np.concatenate(faces) - neutral[speaker]
            keep = rng.permutation(len(deltas))[:MAX_FRAMES_PER_SPEAKER]
            parts.append(deltas[keep].astype(np.float32))
    deltas = np.concatenate(parts).astype(np.float64)
    deltas = np.concatenate([deltas, deltas[:, mirror] * [-1, 1, 1]])
    print(f"basis from {len(deltas) // 2} frames of {len(parts)} speakers")
    emphasis = np.ones(len(template))
    emphasis[LIPS] = LIP_EMPHASIS
    mouth_basis = principal(deltas * mouth_mask[:, None], emphasis, NUM_MOUTH)
    brow_basis = principal(deltas * brow_mask[:, None], emphasis, NUM_BROW)

    train_neutrals = np.stack([neutral[s] for s, own in by_speaker.items() if own[0].train])
    basis = np.concatenate([mouth_basis, brow_basis])
    posed = np.stack([fit_pose(face, template).to_face(face) for face in portraits])
    mean_neutral = train_neutrals.mean(axis=0)

    encoded: dict[str, NDArray[np.float64]] = {}
    for clip in clips:
        moved = clip.faces - neutral[clip.speaker]
        encoded[clip.clip_id] = np.concatenate(
            [
                encode(moved * mouth_mask[:, None], mouth_basis, emphasis),
                smooth(encode(moved * brow_mask[:, None], brow_basis, emphasis), (1, 2, 1)),
                lid_closure(clip.faces, openings[clip.speaker]),
                smooth(gaze_shift(clip.faces) - np.median(gaze_shift(clip.faces), 0), (1, 2, 1)),
                smooth(head_motion(clip.poses), (1, 2, 3, 2, 1)),
            ],
            axis=1,
        )
    free = NUM_MOUTH + NUM_BROW
    talkers = np.concatenate(
        [
            encoded[clip.clip_id][clip.valid, free:]
            for clip in clips
            if clip.train and not clip.speaker.startswith("grid")
        ]
    )
    # Head and gaze have heavy tails (cuts, turns away): the scale is that of their bulk.
    scale = np.diff(np.quantile(talkers, [0.16, 0.84], axis=0), axis=0)[0] / 2
    scale[:2] = talkers[:, :2].std(axis=0).mean()
    space = MotionSpace(
        template=mean_neutral.astype(np.float32),
        mouth_basis=torch.from_numpy(mouth_basis.astype(np.float32)),
        brow_basis=torch.from_numpy(brow_basis.astype(np.float32)),
        scale=torch.from_numpy(scale.astype(np.float32)),
        neutral_gain=neutral_filter(train_neutrals, posed, basis).astype(np.float32),
    )
    space.save(args.out)
    out = args.tracks.parent / "motion"
    out.mkdir(exist_ok=True)
    for clip in clips:
        motion = encoded[clip.clip_id]
        motion[:, free:] /= scale
        np.savez(out / f"{clip.clip_id}.npz", motion=motion.astype(np.float32), valid=clip.valid)
    print("scale of lids, gaze, head:", np.round(scale, 4))


if __name__ == "__main__":
    main()
