"""What every question here starts from: the clips, the model's motion for a sound, its lips."""

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import Figure, measure_baseline, report
from model.avatar import COEFFICIENTS, Avatar, Controls, HopRequest
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.motion_data import usable_clips
from model.train.recording import decode_audio

WEIGHTS = Path("model/weights")
# Opening, in face widths, below which lips touch.
CONTACT = 0.012
KNOWN_VOICE, UNKNOWN_VOICES = "GRID s1", "others"

T = TypeVar("T", np.float32, np.float64)


@dataclass(frozen=True)
class Take:
    """What one session is given: `sound` (samples,) at 16 kHz, of which `frames` are looked at."""

    sound: NDArray[np.float32]
    frames: int
    seed: int = 0
    head_speed: float = 0.5


@dataclass(frozen=True)
class Clip:
    """A real person: sound (samples,) at 16 kHz, motion (L, M), how early the lips come."""

    clip_id: str
    source: str
    sound: NDArray[np.float32]
    motion: NDArray[np.float32]
    lead_frames: int

    @property
    def group(self) -> str:
        """Whether training knows this person's voice."""
        return KNOWN_VOICE if self.source == "grid_s1" else UNKNOWN_VOICES

    @property
    def is_grid(self) -> bool:
        """Whether the sentence is known."""
        return self.source.startswith("grid")

    @property
    def take(self) -> Take:
        """The same sound for the model."""
        return Take(self.sound, len(self.motion))


def arguments(about: str | None) -> argparse.ArgumentParser:
    """What every command here takes: DATA, RUNS and --weights."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    return parser


def talkers_arguments(about: str | None) -> argparse.ArgumentParser:
    """The same for what moves freely: also --split, and how many sessions hear each clip."""
    parser = arguments(about)
    parser.add_argument("--split", choices=("train", "val"), default="val")
    parser.add_argument("--sessions", type=int, default=4)
    return parser


def load_model(weights: Path) -> tuple[Avatar, MotionSpace]:
    """Read the model, and the space in which its motion is read."""
    return Avatar.load(weights), MotionSpace.load(weights / "motion_space.safetensors")


def read_clip(row: dict[str, str], data: Path, runs: Path) -> Clip:
    """Read the sound and the tracked motion of a row of clips.csv."""
    return Clip(
        clip_id=row["id"],
        source=row["source"],
        sound=decode_audio(data / "clips" / f"{row['id']}.mp4"),
        motion=np.load(runs / "motion" / f"{row['id']}.npz")["motion"],
        lead_frames=int(row["lips_lead_frames"]),
    )


def val_clips(data: Path, runs: Path) -> list[Clip]:
    """People that training has not seen, or sentences of GRID s1 that it has not."""
    return [read_clip(row, data, runs) for row in usable_clips(data / "clips.csv", "val")]


def talkers(data: Path, runs: Path, split: str) -> list[Clip]:
    """People of a split who move as they like; GRID's look at what they are asked to."""
    rows = usable_clips(data / "clips.csv", split)
    return [read_clip(row, data, runs) for row in rows if not row["source"].startswith("grid")]


def takes_of(clips: Sequence[Clip], sessions: int) -> list[Take]:
    """Each clip's sound, heard by so many sessions; no two have one seed."""
    seeds = itertools.count()
    return [
        Take(clip.sound, len(clip.motion), next(seeds)) for clip in clips for _ in range(sessions)
    ]


def compare_talkers(
    about: str | None,
    question: str,
    figures_of: Callable[[str, Sequence[NDArray[np.float32]], MotionSpace], list[Figure]],
) -> None:
    """Answer `question` by the same figures of filmed people and of the model that hears them."""
    args = talkers_arguments(about).parse_args()
    avatar, space = load_model(args.weights)
    clips = talkers(args.data, args.runs, args.split)
    takes = takes_of(clips, args.sessions)
    figures = figures_of("real", [clip.motion for clip in clips], space)
    figures += figures_of("model", animate(avatar, takes), space)
    report(
        question,
        figures,
        baseline=measure_baseline(),
        settings={"clips": len(clips), "split": args.split, "sessions": len(takes)},
    )


def animate(
    avatar: Avatar, takes: Sequence[Take], num_steps: int | None = None
) -> list[NDArray[np.float32]]:
    """Motion (frames, M) of every take, hop by hop as in a call, all calls at once."""
    states = [avatar.open(take.seed) for take in takes]
    hops = [_hops(avatar, take) for take in takes]
    rows: list[list[NDArray[np.float32]]] = [[] for _ in takes]
    for hop in range(max(len(own) for own in hops)):
        due = [i for i, own in enumerate(hops) if hop < len(own)]
        requests = [
            HopRequest(
                states[i],
                hops[i][hop],
                Controls(head_speed=takes[i].head_speed),
                num_steps or avatar.max_steps,
            )
            for i in due
        ]
        for i, motion in zip(due, avatar.animate(requests), strict=True):
            rows[i].append(motion.numpy())
    return [
        np.concatenate(own)[avatar.lookahead_frames :][: take.frames, COEFFICIENTS]
        for own, take in zip(rows, takes, strict=True)
    ]


def _hops(avatar: Avatar, take: Take) -> NDArray[np.float32]:
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    count = -(-(take.frames + avatar.lookahead_frames) // avatar.hop_frames)
    sound = take.sound[avatar.sound_lead_ms * SAMPLE_RATE // 1000 :][: count * hop_samples]
    return np.pad(sound, (0, count * hop_samples - len(sound))).reshape(count, hop_samples)


def opening(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Mean opening (L,) of the inner lips over the neutral, in face widths."""
    basis = space.mouth_basis.numpy()
    upper, lower = np.array(INNER_LIP_PAIRS)[2:-2].T
    gap = (basis[:, lower, 1] - basis[:, upper, 1]).mean(axis=1)
    return np.asarray(motion[:, space.mouth] @ gap, np.float64)


def on_sound_time(
    real: NDArray[T], made: NDArray[T], lead: int
) -> tuple[NDArray[T], NDArray[T], int]:
    """Cut (L, ...) to where both are known, by the sound's time; also the first frame's number.

    Real lips come `lead` frames before their sound.
    """
    if lead > 0:
        return real[:-lead], made[lead:], lead
    if lead < 0:
        return real[-lead:], made[:lead], 0
    return real, made, 0


def frames_between(start_s: float, end_s: float, first: int, count: int) -> slice | None:
    """Of `count` frames from number `first` on: those whose middle is within the given time.

    None if some of them are not there. A frame is shown for 40 ms from its sound on.
    """
    low = int(np.ceil(start_s * FPS - 0.5)) - first
    high = int(np.floor(end_s * FPS - 0.5)) + 1 - first
    return slice(low, high) if 0 <= low < high <= count else None


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's correlation of two series (L,); NaN if one of them does not move."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def known(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """Those that are not NaN; says how many are."""
    kept = tuple(value for value in values if not np.isnan(value))
    if len(kept) < len(values):
        print(f"{name}: {len(values) - len(kept)} of {len(values)} have no value, left out")
    return kept
