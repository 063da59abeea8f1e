"""Do the lips move with the words? On clips of people that training has not seen.

`python -m benchmarks.quality.lips DATA RUNS`, where RUNS holds what `model.train.track` and
`model.train.motion_space` made of DATA. For each `val` clip the model hears the sound;
its inner-lip opening is compared with the real person's: correlation, at which shift it is highest
(positive: the model is late), the error against a mouth that keeps the person's mean opening, and
in which share of the frames with the person's lips closed the model's are: in the same frame, and
in it or one beside it, which is 40 ms early or late; "by chance" is in which share of all frames
they are so, which a mouth that hardly opens raises as well. People never seen are told together and
apart: those of GRID, who say its commands, and those who speak freely; (clips, people) beside their
names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import (
    CONTACT,
    animate,
    correlation,
    known,
    load_model,
    on_sound_time,
    opening,
)
from benchmarks.quality.clips import KNOWN_VOICE, Clip, arguments, counts, people, val_clips
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.avatar import Avatar
from model.motion.space import MotionSpace

MAX_SHIFT_FRAMES = 6
NEAR_FRAMES = 1


@dataclass(frozen=True)
class ClipScore:
    """One clip: correlation of openings, shift in frames, error ratio, closures met, movement."""

    clip: Clip
    correlation: float
    shift_frames: float
    error_ratio: float
    closures_met: float
    closures_nearly_met: float
    closures_by_chance: float
    closures_nearly_by_chance: float
    activity_ratio: float


def score(clip: Clip, real: NDArray[np.float64], made: NDArray[np.float64]) -> ClipScore:
    """Compare real and made openings (L,) of a clip."""
    real, made, _ = on_sound_time(real, made, clip.lead_frames)
    shifts = range(-MAX_SHIFT_FRAMES, MAX_SHIFT_FRAMES + 1)
    at = [correlation(*shifted(real, made, shift)) for shift in shifts]
    closed = real < CONTACT
    met = made < CONTACT
    nearly_met = np.convolve(met, np.ones(2 * NEAR_FRAMES + 1), "same") > 0
    return ClipScore(
        clip=clip,
        correlation=at[MAX_SHIFT_FRAMES],
        shift_frames=float("nan") if np.isnan(at).any() else shifts[int(np.argmax(at))],
        error_ratio=ratio(np.abs(real - made), np.abs(real - real.mean())),
        closures_met=float(met[closed].mean()) if closed.any() else float("nan"),
        closures_nearly_met=float(nearly_met[closed].mean()) if closed.any() else float("nan"),
        closures_by_chance=float(met.mean()),
        closures_nearly_by_chance=float(nearly_met.mean()),
        activity_ratio=ratio(np.abs(np.diff(made)), np.abs(np.diff(real))),
    )


def ratio(made: NDArray[np.float64], real: NDArray[np.float64]) -> float:
    """Of two means; NaN for a mouth that does not move."""
    whole = float(real.mean()) if len(real) else 0.0
    return float(made.mean()) / whole if whole else float("nan")


def shifted(
    real: NDArray[np.float64], made: NDArray[np.float64], shift: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pair real frame i with made frame i + shift."""
    if shift >= 0:
        return real[: len(real) - shift], made[shift:]
    return real[-shift:], made[:shift]


def score_clips(avatar: Avatar, space: MotionSpace, clips: Sequence[Clip]) -> list[ClipScore]:
    """Score every clip."""
    made = animate(avatar, [clip.take for clip in clips])
    return [
        score(clip, opening(clip.motion, space), opening(own, space))
        for clip, own in zip(clips, made, strict=True)
    ]


def grouped(scores: Sequence[ClipScore]) -> dict[str, list[ClipScore]]:
    """The known voice; people never seen or heard, all and apart."""
    new = [own for own in scores if own.clip.group != KNOWN_VOICE]
    return {
        "one known voice (GRID s1)": [own for own in scores if own.clip.group == KNOWN_VOICE],
        "people never seen or heard": new,
        "of them, other GRID speakers": [own for own in new if own.clip.is_grid],
        "of them, free speech": [own for own in new if not own.clip.is_grid],
    }


def figures_of(name: str, scores: Sequence[ClipScore]) -> list[Figure]:
    """All rows of one group."""
    clips = [own.clip for own in scores]
    rows: tuple[tuple[str, str, list[float]], ...] = (
        ("correlation of opening", "", [own.correlation for own in scores]),
        ("shift", "frames", [own.shift_frames for own in scores]),
        ("error / constant mouth", "", [own.error_ratio for own in scores]),
        ("closed frames met", "", [own.closures_met for own in scores]),
        ("by chance", "", [own.closures_by_chance for own in scores]),
        ("closed frames met, ±1 frame", "", [own.closures_nearly_met for own in scores]),
        ("by chance, ±1 frame", "", [own.closures_nearly_by_chance for own in scores]),
        ("movement / real", "", [own.activity_ratio for own in scores]),
    )
    figures: list[Figure] = []
    for what, unit, values in rows:
        title = f"{name} ({len(clips)}, {len(people(clips))}): {what}"
        # More is better of the shares and the correlation.
        tail = 5 if what.startswith(("correlation", "closed")) else 95
        kept = known(title, values)
        figures += [replace(own, tail_percent=tail) for own in if_any(title, unit, kept)]
    return figures


def main() -> None:
    """Score every val clip; print a line for each of an unknown person, and medians by group."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    clips = val_clips(args.data, args.runs)
    groups = grouped(score_clips(avatar, space, clips))
    for own in groups["people never seen or heard"]:
        print(
            f"{own.clip.clip_id[:50]:50} r {own.correlation:.2f} shift {own.shift_frames:+.0f}"
            f" error {own.error_ratio:.2f} closed {own.closures_met:.2f}, nearly"
            f" {own.closures_nearly_met:.2f} (by chance {own.closures_by_chance:.2f},"
            f" {own.closures_nearly_by_chance:.2f}) movement {own.activity_ratio:.2f}"
        )
    report(
        "quality_lips: do the lips move with the words?",
        [figure for name, scores in groups.items() for figure in figures_of(name, scores)],
        baseline=measure_baseline(),
        settings={"num_steps": avatar.max_steps, **counts(clips)},
    )


if __name__ == "__main__":
    main()
