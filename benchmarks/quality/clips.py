"""The filmed people whom the model is compared with: DATA's clips, and what RUNS knows of them."""

import argparse
import csv
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import WEIGHTS, Take, animate, as_tracked, load_model
from benchmarks.record import Figure, measure_baseline, report
from model.motion.space import MotionSpace
from model.train.held_out import SEEN_IN_TRAINING
from model.train.motion_data import usable_clips
from model.train.recording import decode_audio

KNOWN_VOICE, UNKNOWN_VOICES = "GRID s1", "others"

# Who has several names in that column, of those who move as they like.
SAME_PERSON = {
    "politicians_public-Zumbalamam__src-videos_obama": "Obama",
    "politicians_public-soloG123__DC2_obama": "Obama",
    "hdtf_samples-tanshuai02__test_data_uncrop_Obama": "Obama",
    "politicians_public-Zumbalamam__src-videos_trump": "Trump",
    "politicians_public-aliawan01__trump": "Trump",
    "hdtf_samples-ref_video_WDA_AlexandriaOcasioCortez_000": "Ocasio-Cortez",
    "videoretalking_faces-OpenTalker__examples_face_3": "Ocasio-Cortez",
}


@dataclass(frozen=True)
class Clip:
    """A real person: sound (samples,) at 16 kHz, motion (L, M), how early the lips come."""

    clip_id: str
    source: str
    speaker: str
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


def read_clip(row: dict[str, str], data: Path, runs: Path) -> Clip | str:
    """The sound and the tracked motion of a row of clips.csv, or why there is none."""
    video = data / "clips" / f"{row['id']}.mp4"
    tracked = runs / "motion" / f"{row['id']}.npz"
    if not video.exists():
        return "no video"
    if not tracked.exists():
        return "no motion"
    with np.load(tracked) as arrays:
        motion, is_seen = arrays["motion"], bool(arrays["valid"].all())
    if not is_seen:
        return "the face lost in some frames"
    return Clip(
        clip_id=row["id"],
        source=row["source"],
        speaker=row["speaker"],
        sound=decode_audio(video),
        motion=motion,
        lead_frames=int(row["lips_lead_frames"]),
    )


def read_clips(rows: Sequence[dict[str, str]], data: Path, runs: Path, what: str) -> list[Clip]:
    """All that can be read of these rows; says how many cannot, and why."""
    clips: list[Clip] = []
    missing: dict[str, int] = {}
    for row in rows:
        clip = read_clip(row, data, runs)
        if isinstance(clip, Clip):
            clips.append(clip)
        else:
            missing[clip] = missing.get(clip, 0) + 1
    for why, count in missing.items():
        print(f"{what}: {count} of {len(rows)} clips left out: {why}")
    return clips


def split_rows(data: Path, split: str) -> list[dict[str, str]]:
    """The rows of a split that can be compared; says how many cannot, and why.

    Of `val`, nobody is in them whom `train` knows from other files.
    """
    table = data / "clips.csv"
    with table.open(newline="") as handle:
        count = sum(row["split"] == split for row in csv.DictReader(handle))
    rows = usable_clips(table, split)
    if len(rows) < count:
        print(
            f"{split}: {count - len(rows)} of {count} clips left out: silent, or not certain when"
            " their sound is"
        )
    if split == "train":
        return rows
    kept = [row for row in rows if row["speaker"] not in SEEN_IN_TRAINING]
    if len(kept) < len(rows):
        people = {row["speaker"] for row in rows} & SEEN_IN_TRAINING.keys()
        print(
            f"{split}: {len(rows) - len(kept)} of {len(rows)} clips left out: training has seen"
            f" their {len(people)} people"
        )
    return kept


def val_clips(data: Path, runs: Path) -> list[Clip]:
    """People that training has not seen, or sentences of GRID s1 that it has not."""
    return read_clips(split_rows(data, "val"), data, runs, "val")


def talkers(data: Path, runs: Path, split: str) -> list[Clip]:
    """People of a split who move as they like; GRID's look at what they are asked to.

    Ends the program where there are none: nothing could be compared.
    """
    rows = [row for row in split_rows(data, split) if not row["source"].startswith("grid")]
    clips = read_clips(rows, data, runs, split)
    if not clips:
        raise SystemExit(f"people of {split} who move as they like: none, expected at least 1")
    return clips


def speaker_of(clip_id: str) -> str:
    """The column `speaker` of a clip, which its name tells: all before the piece's number.

    Of GRID's `grid-<speaker>_<sentence>`, too, a speaker has many.
    """
    name = clip_id.rsplit(".", 1)[0]
    return name.partition("_")[0] if name.startswith("grid-s") else name


def people(clips: Sequence[Clip]) -> set[str]:
    """Who is in the clips; two of one video are one person."""
    return {SAME_PERSON.get(clip.speaker, clip.speaker) for clip in clips}


def counts(clips: Sequence[Clip]) -> dict[str, object]:
    """How many clips of how many people; for a report's settings."""
    known = [clip for clip in clips if clip.group == KNOWN_VOICE]
    others = [clip for clip in clips if clip.group != KNOWN_VOICE]
    told: dict[str, object] = {f"clips of {KNOWN_VOICE}": len(known)} if known else {}
    return told | {
        "clips of others": len(others),
        "other people": len(people(others)),
    }


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
    made = [as_tracked(own, space) for own in animate(avatar, takes)]
    figures += figures_of("model", made, space)
    report(
        question,
        figures,
        baseline=measure_baseline(),
        settings={"split": args.split, **counts(clips), "sessions": len(takes)},
    )
