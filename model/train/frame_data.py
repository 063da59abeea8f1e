"""Lessons for the frame denoiser: `python -m model.train frame_data DATA TRACKS OUT`.

Self-reenactment: one frame of a clip is the portrait, warped to what its person does in others.
Writes `OUT/<clip id>.<n>.npz` per portrait with `reference` (S, S, 3), `warps` and `truths`
(K, SEQUENCE, S, S, 3), `locators` (K, SEQUENCE, S, S, 1), all uint8, K runs of consecutive frames,
and `val` or `train` as `split`.
Finished files are kept, so the program resumes.
"""

import argparse
import csv
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from model.avatar import DEFAULT_WEIGHTS
from model.frames.frame_denoiser import FrameDenoiserConfig
from model.frames.mouth_crop import MouthCrop
from model.frames.renderer import Renderer
from model.frames.warp import head_at_rest, head_motion
from model.identity.identity import Identity, rig_portrait
from model.identity.picture import PortraitError
from model.identity.portrait import Portrait
from model.identity.pose import fit_pose
from model.motion.face import FaceMotion, face_at_rest
from model.motion.space import MotionSpace
from model.train.face_signals import eye_opening
from model.train.frame_lessons import to_bytes

SEQUENCE = 4
CROP_PX = FrameDenoiserConfig.crop_px
_RUNS_PER_PORTRAIT = 10
# One speaker has nine tenths of the clips.
_CLIPS_OF_GRID_S1 = {"train": 100, "val": 10}
_FRAMES_PER_PORTRAIT = 60
_MOST_PORTRAITS = 10


def motion_to(
    identity: Identity, landmarks: NDArray[np.floating], space: MotionSpace
) -> FaceMotion:
    """Say what takes an identity to tracked faces (n, 478, 3) in pixels of the same frame."""
    rig = identity.rig
    rest = (torch.from_numpy(identity.landmarks) - rig.origin) / rig.scale @ rig.rotation
    deltas, rotation, translation, closure = [], [], [], []
    open_rest = eye_opening(rest.double().numpy()[None])[0]
    for points in landmarks:
        pose = fit_pose(points, space.template)
        face = pose.to_face(points)
        deltas.append(torch.from_numpy(face).float() - rest)
        relative = torch.from_numpy(pose.rotation).float() @ rig.rotation.T
        rotation.append(_rotation_vector(relative))
        shift = (torch.from_numpy(pose.translation).float() - rig.origin)[:2] / rig.scale
        size = torch.tensor([pose.scale / rig.scale]).log()
        translation.append(torch.cat([shift, size]))
        closure.append(1 - eye_opening(face[None])[0] / open_rest)
    closed = torch.from_numpy(np.stack(closure)).float().clamp(-0.5, 1)
    return FaceMotion(
        deltas=torch.stack(deltas),
        lid_closure=closed,
        gaze=torch.zeros(len(landmarks), 2),
        rotation=torch.stack(rotation),
        translation=torch.stack(translation),
    )


def _rotation_vector(matrix: torch.Tensor) -> torch.Tensor:
    skew = (matrix - matrix.T) / 2
    sine_axis = torch.stack([skew[2, 1], skew[0, 2], skew[1, 0]])
    sine = sine_axis.norm()
    angle = torch.atan2(sine, (matrix.trace() - 1) / 2)
    return sine_axis * (angle / sine) if float(sine) > 1e-6 else sine_axis


def read_frames(clip: Path, size_px: int) -> list[Image.Image]:
    """All frames of a square clip at `size_px`."""
    with av.open(str(clip)) as container:
        return [
            Image.fromarray(frame.to_ndarray(format="rgb24")).resize(
                (size_px, size_px), Image.Resampling.LANCZOS
            )
            for frame in container.decode(video=0)
        ]


def lessons_of(
    identity: Identity,
    images: list[Image.Image],
    landmarks: NDArray[np.floating],
    space: MotionSpace,
) -> dict[str, NDArray[np.uint8]]:
    """Crops (n, S, S, 3) of the portrait warped to each frame, of the frame itself, locators."""
    motion = motion_to(identity, landmarks, space)
    crop = MouthCrop.follow(identity.rig, identity.mouth, head_motion(identity.rig, motion), motion)
    warped = Renderer().render(identity, motion)
    real = np.stack([np.array(image) for image in images])
    return {
        "warps": to_bytes(crop.cut(warped, CROP_PX)),
        "truths": to_bytes(crop.cut(real, CROP_PX)),
        "locators": to_bytes(crop.locate(CROP_PX) * 2 - 1),
    }


def reference_of(identity: Identity) -> NDArray[np.uint8]:
    """Crop (S, S, 3) of the portrait as it came, its teeth shown if they were."""
    crop = MouthCrop.follow(identity.rig, identity.mouth, head_at_rest(), face_at_rest())
    mouth: NDArray[np.uint8] = to_bytes(crop.cut(identity.portrait[None], CROP_PX))[0]
    return mouth


def make_lessons(row: dict[str, str], data: Path, tracks: Path, out: Path) -> int:
    """Write the lessons of one clip; returns how many portraits it gave."""
    torch.set_num_threads(1)
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    size_px = 384 if int(row["size_px"]) >= 300 else 256
    tracked = np.load(tracks / f"{row['id']}.npz")
    landmarks = tracked["landmarks"] * (size_px / float(tracked["size_px"]))
    landmarks[..., :2] -= 0.5
    images = read_frames(data / "clips" / f"{row['id']}.mp4", size_px)
    frames = min(len(images), len(landmarks))
    valid = ~np.isnan(landmarks[:frames]).any(axis=(1, 2))
    rng = np.random.default_rng(zlib.crc32(row["id"].encode()))
    starts = [i for i in range(frames - SEQUENCE + 1) if valid[i : i + SEQUENCE].all()]
    if not starts:
        return 0
    wanted = int(np.clip(frames // _FRAMES_PER_PORTRAIT, 1, _MOST_PORTRAITS))
    done = 0
    for number, at in enumerate(rng.permutation(np.flatnonzero(valid))[:wanted]):
        try:
            portrait = Portrait(images[at], landmarks[at].astype(np.float32))
            identity = rig_portrait(portrait, space.template, space.neutralize)
        except PortraitError:
            continue
        chosen = np.sort(rng.permutation(starts)[:_RUNS_PER_PORTRAIT])
        runs = [
            lessons_of(
                identity,
                images[start : start + SEQUENCE],
                landmarks[start : start + SEQUENCE],
                space,
            )
            for start in chosen
        ]
        parts = {name: np.stack([run[name] for run in runs]) for name in runs[0]}
        np.savez(
            out / f"{row['id']}.{number}.npz",
            reference=reference_of(identity),
            warps=parts["warps"],
            truths=parts["truths"],
            locators=parts["locators"],
            split=row["split"],
        )
        done += 1
    (out / f"{row['id']}.done").touch()
    return done


def main() -> None:
    """Make the lessons that are missing, in parallel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.data / "clips.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    few: list[dict[str, str]] = [r for r in rows if r["source"] != "grid_s1"]
    for split, most in _CLIPS_OF_GRID_S1.items():
        own = [r for r in rows if r["source"] == "grid_s1" and r["split"] == split]
        few += own[:: max(len(own) // most, 1)][:most]
    todo = [row for row in few if not (args.out / f"{row['id']}.done").exists()]
    with ProcessPoolExecutor(args.processes) as pool:
        jobs = [pool.submit(make_lessons, row, args.data, args.tracks, args.out) for row in todo]
        for count, job in enumerate(jobs, 1):
            job.result()
            if count % 10 == 0:
                print(f"{count}/{len(jobs)} clips", flush=True)


if __name__ == "__main__":
    main()
