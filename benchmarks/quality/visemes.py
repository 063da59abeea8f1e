"""Does the model beat a mouth that plays the mean shape of each phone?

`python -m benchmarks.quality.visemes DATA RUNS`. The mean mouth of every phone is that of GRID s1
in at most 200 `train` clips, by forced alignment; it is played with linear interpolation between
the phones' middles on the GRID `val` clips: it is told what is said and when, which the model must
hear. The error is the mean distance of the 18 inner-lip points from the real person's, de-posed,
in % of the face's width. A mouth that keeps the mean shape of all frames shows what it is worth.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import (
    animate,
    correlation,
    frames_between,
    known,
    load_model,
    on_sound_time,
    opening,
)
from benchmarks.quality.clips import KNOWN_VOICE, Clip, arguments, counts, read_clips, val_clips
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import FPS
from model.train.encoder_phones import SILENCE, PhoneSpan
from model.train.grid_aligner import GridAligner
from model.train.motion_data import usable_clips

MAX_TRAIN_CLIPS = 200
MODEL, VISEMES, CONSTANT = "model", "mean of phones", "mean of all"


@dataclass(frozen=True)
class MeanMouths:
    """Mean mouth coefficients (K,) of each phone, and of all frames."""

    of_phone: dict[str, NDArray[np.float64]]
    of_all: NDArray[np.float64]


def sounds(spans: Sequence[PhoneSpan]) -> list[tuple[str, float, float]]:
    """Each phone, its start and end; those of a diphthong share its time evenly."""
    found = []
    for start_s, end_s, phones in spans:
        own = phones or (SILENCE,)
        step_s = (end_s - start_s) / len(own)
        found += [
            (phone, start_s + i * step_s, start_s + (i + 1) * step_s) for i, phone in enumerate(own)
        ]
    return found


def mean_mouths(
    clips: Sequence[Clip], spans: Sequence[list[PhoneSpan]], space: MotionSpace
) -> MeanMouths:
    """Learn the mouths from people: clips and their phones."""
    rows: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for clip, own in zip(clips, spans, strict=True):
        real, _, first = on_sound_time(clip.motion, clip.motion, clip.lead_frames)
        for phone, start_s, end_s in sounds(own):
            frames = frames_between(start_s, end_s, first, len(real))
            if frames is not None:
                rows[phone].append(real[frames, space.mouth])
    means = {phone: np.concatenate(own).mean(axis=0) for phone, own in rows.items()}
    everything = np.concatenate([row for own in rows.values() for row in own])
    return MeanMouths(
        {phone: np.asarray(own, np.float64) for phone, own in means.items()},
        np.asarray(everything.mean(axis=0), np.float64),
    )


def play(mouths: MeanMouths, spans: Sequence[PhoneSpan], frames: int) -> NDArray[np.float32]:
    """Mouth coefficients (frames, K): straight lines from the middle of a phone to the next."""
    known = [sound for sound in sounds(spans) if sound[0] in mouths.of_phone]
    middles = [(start_s + end_s) / 2 for _, start_s, end_s in known]
    shapes = np.stack([mouths.of_phone[phone] for phone, _, _ in known])
    times = (np.arange(frames) + 0.5) / FPS
    columns = [np.interp(times, middles, column) for column in shapes.T]
    return np.stack(columns, axis=1).astype(np.float32)


def lips(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Displacement (L, 18, 2) of the inner lips' points, in % of the face's width."""
    points = np.array(INNER_LIP_PAIRS).reshape(-1)
    basis = space.mouth_basis.numpy()[:, points, :2]
    return np.asarray(100 * np.einsum("lk,kvc->lvc", motion[:, space.mouth], basis), np.float64)


def aligned(clips: Sequence[Clip], what: str) -> tuple[list[Clip], list[list[PhoneSpan]]]:
    """Those clips whose phones are found; says how many are not."""
    aligner = GridAligner()
    found = [(clip, aligner.align(clip.sound, clip.clip_id)) for clip in clips]
    kept = [(clip, spans) for clip, spans in found if spans]
    print(f"{what}: {len(clips) - len(kept)} of {len(clips)} clips not aligned, left out")
    return [clip for clip, _ in kept], [spans for _, spans in kept]


def playable(
    mouths: MeanMouths, clips: Sequence[Clip], spans: Sequence[list[PhoneSpan]]
) -> tuple[list[Clip], list[list[PhoneSpan]]]:
    """Those clips of whose phones at least one has a mean mouth; says how many have none."""
    kept = [
        (clip, own)
        for clip, own in zip(clips, spans, strict=True)
        if any(phone in mouths.of_phone for phone, _, _ in sounds(own))
    ]
    if len(kept) < len(clips):
        print(f"{len(clips) - len(kept)} clips of which no phone has a mean mouth, left out")
    return [clip for clip, _ in kept], [own for _, own in kept]


def train_clips(data: Path, runs: Path) -> list[Clip]:
    """GRID s1 as training saw him, evenly taken from all clips."""
    rows = [r for r in usable_clips(data / "clips.csv", "train") if r["source"] == "grid_s1"]
    step = max(-(-len(rows) // MAX_TRAIN_CLIPS), 1)
    return read_clips(rows[::step], data, runs, "train")


def main() -> None:
    """Learn the mean mouths, play them, and compare them and the model with the people."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    taught = aligned(train_clips(args.data, args.runs), "train")
    if not taught[0]:
        raise SystemExit("aligned clips of GRID s1 in train: none, expected at least 1")
    mouths = mean_mouths(*taught, space)
    grid = [clip for clip in val_clips(args.data, args.runs) if clip.is_grid]
    clips, spans = playable(mouths, *aligned(grid, "val"))
    said = [phone for own in spans for phone, _, _ in sounds(own)]
    unknown = [phone for phone in said if phone not in mouths.of_phone]
    print(f"{len(unknown)} of {len(said)} phones have no mean mouth: {sorted(set(unknown))}")
    errors: dict[tuple[str, str], list[float]] = defaultdict(list)
    agreements: dict[tuple[str, str], list[float]] = defaultdict(list)
    for clip, own, motion in zip(
        clips, spans, animate(avatar, [clip.take for clip in clips]), strict=True
    ):
        frames = len(clip.motion)
        played = {
            MODEL: motion,
            VISEMES: play(mouths, own, frames),
            CONSTANT: np.tile(mouths.of_all.astype(np.float32), (frames, 1)),
        }
        for who, made in played.items():
            a, b, _ = on_sound_time(lips(clip.motion, space), lips(made, space), clip.lead_frames)
            errors[clip.group, who].append(float(np.linalg.norm(a - b, axis=2).mean()))
            real, own_opening, _ = on_sound_time(
                opening(clip.motion, space), opening(made, space), clip.lead_frames
            )
            agreements[clip.group, who].append(correlation(real, own_opening))
    figures = []
    for (group, who), values in errors.items():
        name = f"{group if group == KNOWN_VOICE else f'GRID {group}'}, {who}"
        figures.append(Figure(f"{name}: error", "%", tuple(values)))
        if who != CONSTANT:
            title = f"{name}: r of opening"
            figures += if_any(title, "", known(title, agreements[group, who]))
    report(
        "quality_visemes: does the model beat a mouth that plays the mean shape of each phone?",
        figures,
        baseline=measure_baseline(),
        settings={
            "num_steps": avatar.max_steps,
            "train_clips": len(taught[0]),
            **counts(clips),
        },
    )


if __name__ == "__main__":
    main()
