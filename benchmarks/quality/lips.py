"""Do the lips move with the words? On clips of people that training has not seen.

`python -m benchmarks.quality.lips DATA RUNS`, where RUNS holds what `model.train.track` and
`model.train.motion_space` made of DATA. For each `val` clip the model hears the sound;
its inner-lip opening is compared with the real person's: correlation, at which shift it is highest
(positive: the model is late), the error against a mouth that keeps the person's mean opening, and
whether the lips meet where the person's meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import (
    CONTACT,
    KNOWN_VOICE,
    Clip,
    animate,
    arguments,
    correlation,
    known,
    load_model,
    on_sound_time,
    opening,
    val_clips,
)
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import Avatar
from model.motion.space import MotionSpace

MAX_SHIFT_FRAMES = 6
NEAR_FRAMES = 1


@dataclass(frozen=True)
class ClipScore:
    """One clip: correlation of openings, shift in frames, error ratio, closures hit and made."""

    clip_id: str
    group: str
    correlation: float
    shift_frames: int
    error_ratio: float
    closures_met: float
    activity_ratio: float


def score(clip: Clip, real: NDArray[np.float64], made: NDArray[np.float64]) -> ClipScore:
    """Compare real and made openings (L,) of a clip."""
    real, made, _ = on_sound_time(real, made, clip.lead_frames)
    shifts = range(-MAX_SHIFT_FRAMES, MAX_SHIFT_FRAMES + 1)
    at = [correlation(*shifted(real, made, shift)) for shift in shifts]
    closed = np.flatnonzero(real < CONTACT)
    near = [made[max(i - NEAR_FRAMES, 0) : i + NEAR_FRAMES + 1].min() < CONTACT for i in closed]
    return ClipScore(
        clip_id=clip.clip_id,
        group=clip.group,
        correlation=at[MAX_SHIFT_FRAMES],
        shift_frames=shifts[int(np.argmax(at))],
        error_ratio=float(np.abs(real - made).mean() / np.abs(real - real.mean()).mean()),
        closures_met=float(np.mean(near)) if near else float("nan"),
        activity_ratio=float(np.abs(np.diff(made)).mean() / np.abs(np.diff(real)).mean()),
    )


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


def main() -> None:
    """Score every val clip; print a line for each and the medians by source."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    scores = score_clips(avatar, space, val_clips(args.data, args.runs))
    groups = {"one known voice (GRID s1)": [s for s in scores if s.group == KNOWN_VOICE]}
    groups["people never seen or heard"] = [s for s in scores if s.group != KNOWN_VOICE]
    figures = []
    for name, chosen in groups.items():
        rows = (
            ("correlation of opening", "", [s.correlation for s in chosen]),
            ("shift", "frames", [float(s.shift_frames) for s in chosen]),
            ("error / constant mouth", "", [s.error_ratio for s in chosen]),
            ("real closures met", "", [s.closures_met for s in chosen]),
            ("movement / real", "", [s.activity_ratio for s in chosen]),
        )
        for what, unit, values in rows:
            title = f"{name}: {what}"
            figures.append(Figure(title, unit, known(title, values)))
    for s in groups["people never seen or heard"]:
        print(
            f"{s.clip_id[:50]:50} r {s.correlation:.2f} shift {s.shift_frames:+d}"
            f" error {s.error_ratio:.2f} closures {s.closures_met:.2f}"
            f" movement {s.activity_ratio:.2f}"
        )
    report(
        "quality_lips: do the lips move with the words?",
        figures,
        baseline=measure_baseline(),
        settings={"num_steps": avatar.max_steps, "clips": len(scores)},
    )


if __name__ == "__main__":
    main()
