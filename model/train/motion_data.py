"""Windows of motion and audio features to train mouth regressor and motion denoiser on."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.motion.denoiser import SPEED_CENTERS
from model.motion.space import MotionSpace
from model.rates import FPS

T = TypeVar("T", np.float32, np.float16, np.uint8)

# Below this score nothing is certain about how far sound and picture of a web clip are apart.
MIN_SYNC_SCORE = 0.15
SPEED_WINDOW_FRAMES = 25
# Lids are on their way down, and shut.
_CLOSING, _SHUT = 0.2, 0.45
# Shares of the windows: the one speaker who has most of the minutes, and the voices that nobody
# filmed; the others are of all other people.
GRID_SHARE = 0.2
SPOKEN_SHARE = 0.42
# Of a spoken voice's windows: around its first sound after a silence, which is one moment of many.
ONSET_SHARE = 0.15
_ABOUT_ONSET_FRAMES = 6
SPOKEN, CAPTURED = "spoken", "mocap"
"""Folders of lips that no camera saw: given to voices, and captured."""
IDLE_SHARE = 0.12
IDLE_DECAY = 0.55


@dataclass(frozen=True)
class Recording:
    """One clip ready for training: motion (L, M), features per augmentation (V, L, D).

    Its lids never shut: blinks are driven (`model.motion.blink`), and eyes that stay shut while
    their owner speaks are a habit of one person, not of speech.
    speaks_from: the frame where a mouth that was at rest begins to move; 0 if it never rested.
    """

    clip_id: str
    speaker: str
    motion: NDArray[np.float32]
    features: NDArray[np.float32]
    head_speed: NDArray[np.float32]
    speaks_from: int = 0


@dataclass(frozen=True)
class Batch:
    """Windows: motion (B, N + R * H, M), features (B, N + R * H, D), speed (B,)."""

    motion: Tensor
    features: Tensor
    head_speed: Tensor


def usable_clips(clips_csv: Path, split: str) -> list[dict[str, str]]:
    """Rows of clips with sound whose synchrony is certain."""
    with clips_csv.open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == split]
    return [
        row
        for row in rows
        if row["audio"] == "1"
        and row["lips_lead_frames"]
        and (float(row["sync_score"] or 0) >= MIN_SYNC_SCORE or row["lips_lead_frames"] == "0")
    ]


def head_speed(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float32]:
    """Angular speed of the head in rad/s, averaged over a second around each frame, (L,)."""
    head = motion[:, space.head] * space.scale.numpy()[4:]
    speed = np.linalg.norm(np.diff(head[:, :3], axis=0, prepend=head[:1, :3]), axis=1) * FPS
    kernel = np.ones(SPEED_WINDOW_FRAMES) / SPEED_WINDOW_FRAMES
    padded = np.pad(speed, SPEED_WINDOW_FRAMES // 2, mode="reflect")
    return np.convolve(padded, kernel, mode="valid").astype(np.float32)


def load_recordings(
    rows: list[dict[str, str]], motion_dir: Path, features_dir: Path, space: MotionSpace
) -> list[Recording]:
    """Read what was tracked and encoded of these clips; sound is moved onto the lips."""
    recordings = []
    for row in rows:
        path = motion_dir / f"{row['id']}.npz"
        if not path.exists():
            continue
        tracked = np.load(path)
        features = np.load(features_dir / f"{row['id']}.npy")
        lead = int(row["lips_lead_frames"])
        # Lips that come `lead` frames before their sound belong to features that come later.
        motion, features = on_lips_time(tracked["motion"], features, lead)
        if len(motion) < FPS or not tracked["valid"].all():
            continue
        motion = np.clip(motion, -5, 5)
        shut = with_eyes_shut(motion[:, space.lids] * space.scale.numpy()[:2])
        if shut.all():
            continue
        # What a tracker says of the gaze behind shut lids is a guess.
        eyes = slice(space.lids.start, space.gaze.stop)
        motion[:, eyes] = carried_over(motion[:, eyes], shut)
        recordings.append(
            Recording(
                clip_id=row["id"],
                speaker=row["speaker"],
                motion=motion,
                features=features.astype(np.float32),
                head_speed=head_speed(motion, space),
            )
        )
    return recordings


def load_voices(
    lips_dir: Path,
    features_dir: Path,
    space: MotionSpace,
    people: list[Recording],
    rng: np.random.Generator,
) -> list[Recording]:
    """Read lips without a face (`model.train.phone_lips`, `mocap`) on the faces of filmed people.

    Their speaker is the folder's name. All but the mouth is that of a random one of `people`,
    played forth and back if it is short. Raises FileNotFoundError if they were not heard yet.
    """
    recordings = []
    for path in sorted(lips_dir.glob("*.npz")):
        heard = features_dir / f"{lips_dir.name}-{path.stem}.npy"
        if not heard.exists():
            raise FileNotFoundError(
                f"found no {heard}, expected what {path} sounds like: run `python -m model.train"
                " motion_features`"
            )
        with np.load(path) as arrays:
            mouth = arrays["mouth"]
        if len(mouth) < FPS:
            continue
        face = people[int(rng.integers(len(people)))]
        round_trip = np.concatenate(
            [np.arange(len(face.motion)), np.arange(len(face.motion))[::-1]]
        )
        frames = np.resize(np.roll(round_trip, -int(rng.integers(len(round_trip)))), len(mouth))
        motion = face.motion[frames].copy()
        motion[:, space.mouth] = np.clip(mouth, -5, 5)
        recordings.append(
            Recording(
                clip_id=path.stem,
                speaker=lips_dir.name,
                motion=motion,
                features=np.load(heard).astype(np.float32),
                head_speed=face.head_speed[frames],
                speaks_from=int(np.argmax(mouth.any(axis=1))),
            )
        )
    return recordings


def on_lips_time(
    motion: NDArray[np.float32], features: NDArray[T], lead: int
) -> tuple[NDArray[np.float32], NDArray[T]]:
    """Cut motion (L, M) and features (V, L, D): lips that come early go to their sound."""
    length = min(len(motion), features.shape[1])
    motion, features = motion[:length], features[:, :length]
    if lead > 0:
        return motion[:-lead], features[:, lead:]
    if lead < 0:
        return motion[-lead:], features[:, :lead]
    return motion, features


def with_eyes_shut(closure: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which frames of the closure of both lids (L, 2), 0 open to 1 shut, they shut and open in."""
    both = closure.mean(axis=1)
    steps = np.diff(np.pad((both > _CLOSING).astype(int), 1))
    shut = np.zeros(len(both), np.bool_)
    for start, end in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        if both[start:end].max() > _SHUT:
            shut[max(start - 1, 0) : end + 1] = True
    return shut


def carried_over(values: NDArray[np.float32], gaps: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values (L, n) that go straight from before each gap (L,) to after it."""
    frames = np.arange(len(values))
    filled = [np.interp(frames, frames[~gaps], own[~gaps]) for own in values.T]
    return np.stack(filled, axis=1).astype(np.float32)


class WindowSampler:
    """Draws random windows; some are idle: a voice that is not there, lips that come to rest."""

    def __init__(
        self,
        recordings: list[Recording],
        idle_features: NDArray[np.float32],
        space: MotionSpace,
        num_motion_frames: int,
        seed: int,
        grid_share: float = GRID_SHARE,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._recordings = recordings
        self._idle = idle_features
        self._mouth = space.mouth
        self._past = num_motion_frames
        self._lengths = frames = np.array([len(r.motion) for r in recordings], float)
        speakers = np.array([r.speaker for r in recordings])
        grid, spoken = speakers == "grid-s1", speakers == SPOKEN
        weights = np.zeros(len(recordings))
        for own, share in (
            (grid, grid_share),
            (spoken, SPOKEN_SHARE),
            (~grid & ~spoken, 1 - grid_share - SPOKEN_SHARE * spoken.any()),
        ):
            weights[own] = frames[own] / max(frames[own].sum(), 1) * share
        self._weights = weights / weights.sum()

    def draw(self, batch_size: int, new_frames: int) -> Batch:
        """Draw windows of `num_motion_frames` + `new_frames` frames, of recordings that have them.

        Raises ValueError if none is long enough.
        """
        length = self._past + new_frames
        weights = self._weights * (self._lengths > new_frames)
        if not weights.any():
            raise ValueError(
                f"the longest recording has {self._lengths.max():.0f} frames, expected more than"
                f" {new_frames}: add longer ones, or ask for fewer new frames"
            )
        rows = [
            self._window(self._recordings[i], length)
            for i in self._rng.choice(len(self._recordings), batch_size, p=weights / weights.sum())
        ]
        motion, features, speed = (np.stack(column) for column in zip(*rows, strict=True))
        return Batch(
            torch.from_numpy(motion),
            torch.from_numpy(features),
            torch.from_numpy(speed),
        )

    def _window(
        self, recording: Recording, length: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], np.float32]:
        # Windows may reach before the clip: there the past is zero, as at a session's start.
        last = len(recording.motion)
        end = int(self._rng.integers(length - self._past + 1, last + 1))
        if recording.speaks_from and self._rng.random() < ONSET_SHARE:
            new = length - self._past + _ABOUT_ONSET_FRAMES
            end = min(recording.speaks_from + int(self._rng.integers(1, new + 1)), last)
        start = end - length
        version = int(self._rng.integers(recording.features.shape[0]))
        motion = recording.motion[max(start, 0) : end].copy()
        features = recording.features[version, max(start, 0) : end]
        speed = recording.head_speed[max(start, 0) : end].mean() * self._rng.uniform(0.8, 1.25)
        if start < 0:
            motion = np.pad(motion, ((-start, 0), (0, 0)))
            features = np.pad(features, ((-start, 0), (0, 0)))
        if self._rng.random() < IDLE_SHARE:
            features = self._idle_features(length)
            self._rest(motion)
        return motion, features, np.float32(min(speed, 2 * SPEED_CENTERS[-1]))

    def _idle_features(self, length: int) -> NDArray[np.float32]:
        start = int(self._rng.integers(len(self._idle) - length))
        return self._idle[start : start + length]

    def _rest(self, motion: NDArray[np.float32]) -> None:
        mouth = motion[:, self._mouth]
        if self._rng.random() < 0.5:
            mouth[: self._past] *= 0.1
        steps = np.arange(1, len(motion) - self._past + 1)[:, None]
        mouth[self._past :] = mouth[self._past - 1] * IDLE_DECAY**steps
