"""Write tracked clips as motion: `python -m model.train motion_space DATA TRACKS --space FILE`.

Writes `TRACKS/../motion/<clip id>.npz`: `motion` (L, M) float32, `valid` (L,) bool. With
`--space FILE`, as motion in the space that is in this file, which is only read: weights that were
trained in a space need clips in the same one. With `--out FILE` instead, a new space is learned, on
the `train` split alone, and written there: other weights do not fit it, and another machine may
find its axes turned round.
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
from model.train.motion_basis import encode, neutral_filter, principal

NUM_MOUTH = 20
NUM_BROW = 4
# The grid speaks with one face for most of the minutes: no speaker may own the basis.
MAX_FRAMES_PER_SPEAKER = 4000
# Along time: what the tracker adds from frame to frame is larger than what these parts do.
SMOOTHED = {"brows": (1, 2, 1), "gaze": (1, 2, 1), "head": (1, 2, 3, 2, 1)}
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


@dataclass(frozen=True)
class People:
    """Clips by speaker; each speaker's neutral face (478, 3) and opening of the eyes (2,)."""

    clips: dict[str, list[TrackedClip]]
    neutral: dict[str, NDArray[np.float64]]
    openings: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, clips: list[TrackedClip]) -> "People":
        """Sort clips by who is in them."""
        by_speaker: dict[str, list[TrackedClip]] = {}
        for clip in clips:
            by_speaker.setdefault(clip.speaker, []).append(clip)
        pooled = {
            speaker: np.concatenate([clip.faces[clip.valid] for clip in own])
            for speaker, own in by_speaker.items()
        }
        return cls(
            by_speaker,
            {speaker: neutral_face(faces) for speaker, faces in pooled.items()},
            {speaker: eye_opening(faces) for speaker, faces in pooled.items()},
        )


@dataclass(frozen=True)
class Regions:
    """How much each landmark belongs to mouth and brows, 0..1, and how much it counts, (478,)."""

    mouth: NDArray[np.float64]
    brows: NDArray[np.float64]
    emphasis: NDArray[np.float64]

    @classmethod
    def of(cls, template: NDArray[np.float64]) -> "Regions":
        """Those of a mean face (478, 3)."""
        emphasis = np.ones(len(template))
        emphasis[LIPS] = LIP_EMPHASIS
        return cls(*region_masks(template), emphasis)


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


def fit_bases(
    people: People, regions: Regions, mirror: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mouth and brow components (K, 478, 3) of the `train` speakers and their mirror images."""
    rng = np.random.default_rng(0)
    parts = []
    for speaker, own in people.clips.items():
        faces = [clip.faces[clip.valid] for clip in own if clip.train]
        if faces:
            deltas = np.concatenate(faces) - people.neutral[speaker]
            keep = rng.permutation(len(deltas))[:MAX_FRAMES_PER_SPEAKER]
            parts.append(deltas[keep].astype(np.float32))
    deltas = np.concatenate(parts).astype(np.float64)
    deltas = np.concatenate([deltas, deltas[:, mirror] * [-1, 1, 1]])
    print(f"basis from {len(deltas) // 2} frames of {len(parts)} speakers")
    return (
        principal(deltas * regions.mouth[:, None], regions.emphasis, NUM_MOUTH),
        principal(deltas * regions.brows[:, None], regions.emphasis, NUM_BROW),
    )


def encode_clip(
    clip: TrackedClip,
    people: People,
    regions: Regions,
    mouth_basis: NDArray[np.float64],
    brow_basis: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Motion (L, M) of a clip; lids, gaze and head still in the units of `FaceMotion`."""
    moved = clip.faces - people.neutral[clip.speaker]
    mouth, brows = moved * regions.mouth[:, None], moved * regions.brows[:, None]
    gaze = gaze_shift(clip.faces)
    return np.concatenate(
        [
            encode(mouth, mouth_basis, regions.emphasis),
            smooth(encode(brows, brow_basis, regions.emphasis), SMOOTHED["brows"]),
            lid_closure(clip.faces, people.openings[clip.speaker]),
            smooth(gaze - np.median(gaze, 0), SMOOTHED["gaze"]),
            smooth(head_motion(clip.poses), SMOOTHED["head"]),
        ],
        axis=1,
    )


def fit_scale(
    people: People, encoded: dict[str, NDArray[np.float64]], first: int
) -> NDArray[np.float64]:
    """Scale (10,) of lids, gaze and head, columns `first` on: of talkers that are not GRID's."""
    talkers = np.concatenate(
        [
            encoded[clip.clip_id][clip.valid, first:]
            for speaker, own in people.clips.items()
            for clip in own
            if clip.train and not speaker.startswith("grid")
        ]
    )
    # Head and gaze have heavy tails (cuts, turns away): the scale is that of their bulk.
    scale = np.diff(np.quantile(talkers, [0.16, 0.84], axis=0), axis=0)[0] / 2
    scale[:2] = talkers[:, :2].std(axis=0).mean()
    return np.asarray(scale)


def fit_space(
    people: People, regions: Regions, template: NDArray[np.float64], portraits: NDArray[np.float32]
) -> tuple[MotionSpace, dict[str, NDArray[np.float64]]]:
    """Learn the space from people, and from portraits what faces look like; also their motion."""
    mouth_basis, brow_basis = fit_bases(people, regions, mirror_of(template))
    encoded = {
        clip.clip_id: encode_clip(clip, people, regions, mouth_basis, brow_basis)
        for own in people.clips.values()
        for clip in own
    }
    neutrals = np.stack([people.neutral[s] for s, own in people.clips.items() if own[0].train])
    basis = np.concatenate([mouth_basis, brow_basis])
    posed = np.stack([fit_pose(face, template).to_face(face) for face in portraits])
    scale = fit_scale(people, encoded, len(basis))
    print("scale of lids, gaze, head:", np.round(scale, 4))
    space = MotionSpace(
        template=neutrals.mean(axis=0).astype(np.float32),
        mouth_basis=torch.from_numpy(mouth_basis.astype(np.float32)),
        brow_basis=torch.from_numpy(brow_basis.astype(np.float32)),
        scale=torch.from_numpy(scale.astype(np.float32)),
        neutral_gain=neutral_filter(neutrals, posed, basis).astype(np.float32),
    )
    return space, encoded


def main() -> None:
    """Fit the space on `train`, or take one that there is; encode every clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("tracks", type=Path)
    # No default: what ships is the space of all the other weights, and not to be lost by accident.
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--space", type=Path, help="write motion in this space, and learn none")
    which.add_argument("--out", type=Path, help="learn a new space, and write it there")
    args = parser.parse_args()
    with (args.data / "clips.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    portraits = np.load(args.tracks / "portraits.npz")["landmarks"]
    portraits = portraits[~np.isnan(portraits).any(axis=(1, 2))]
    template = mean_face(portraits)
    clips = [load_clip(row, args.tracks, template) for row in rows]
    clips = [clip for clip in clips if clip.valid.mean() > 0.9]
    print(f"{len(clips)} of {len(rows)} clips have a face throughout")
    people, regions = People.of(clips), Regions.of(template)
    if args.space is None:
        space, encoded = fit_space(people, regions, template, portraits)
        space.save(args.out)
    else:
        space = MotionSpace.load(args.space)
        bases = space.mouth_basis.double().numpy(), space.brow_basis.double().numpy()
        encoded = {clip.clip_id: encode_clip(clip, people, regions, *bases) for clip in clips}
    out = args.tracks.parent / "motion"
    out.mkdir(exist_ok=True)
    for clip in clips:
        motion = encoded[clip.clip_id]
        motion[:, space.lids.start :] /= space.scale.numpy()
        np.savez(out / f"{clip.clip_id}.npz", motion=motion.astype(np.float32), valid=clip.valid)


if __name__ == "__main__":
    main()
