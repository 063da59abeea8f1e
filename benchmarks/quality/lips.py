"""Do the lips move with the words? On clips of people that training has not seen.

`python -m benchmarks.quality.lips DATA RUNS`, where RUNS holds what `model.train.track` and
`model.train.motion_space` made of DATA. For each `val` clip the model hears the sound;
its inner-lip opening is compared with the real person's: correlation, at which shift it is highest
(positive: the model is late), the error against a mouth that keeps the person's mean opening, and
whether the lips meet where the person's meet.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import Figure, measure_baseline, report
from model.avatar import Avatar, Controls, HopRequest
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import SAMPLES_PER_FRAME
from model.train.encoder_corpus import decode_audio
from model.train.motion_data import usable_clips

WEIGHTS = Path("model/weights")
MAX_SHIFT_FRAMES = 6
# Openings, in face widths: below the first, lips touch; above the second they clearly do not.
CONTACT = 0.012
NEAR_FRAMES = 1


@dataclass(frozen=True)
class ClipScore:
    """One clip: correlation of openings, shift in frames, error ratio, closures hit and made."""

    clip_id: str
    source: str
    correlation: float
    shift_frames: int
    error_ratio: float
    closures_met: float
    activity_ratio: float


def opening(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Mean opening (L,) of the inner lips over the neutral, in face widths."""
    basis = space.mouth_basis.numpy()
    upper, lower = np.array(INNER_LIP_PAIRS)[2:-2].T
    gap = (basis[:, lower, 1] - basis[:, upper, 1]).mean(axis=1)
    return np.asarray(motion[:, space.mouth] @ gap, np.float64)


def animate(avatar: Avatar, sound: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Motion (frames, M) of a sound at 16 kHz, hop by hop as in a call."""
    state = avatar.open(seed=0)
    hop = avatar.hop_frames * SAMPLES_PER_FRAME
    needed = -(-(frames + avatar.lookahead_frames) // avatar.hop_frames) * hop
    padded = np.pad(sound[:needed], (0, max(0, needed - len(sound))))
    rows = [
        avatar.animate([HopRequest(state, samples, Controls(), avatar.max_steps)])[0]
        for samples in padded.reshape(-1, hop)
    ]
    motion = np.concatenate([row.numpy() for row in rows])
    return motion[avatar.lookahead_frames :][:frames, :-1]


def score(
    clip_id: str, source: str, real: NDArray[np.float64], made: NDArray[np.float64], lead: int
) -> ClipScore:
    """Compare real and made openings (L,) whose sound is `lead` frames late on the real side."""
    if lead > 0:
        real, made = real[:-lead], made[lead:]
    elif lead < 0:
        real, made = real[-lead:], made[:lead]
    shifts = range(-MAX_SHIFT_FRAMES, MAX_SHIFT_FRAMES + 1)
    at = [correlation(*shifted(real, made, shift)) for shift in shifts]
    closed = np.flatnonzero(real < CONTACT)
    near = [made[max(i - NEAR_FRAMES, 0) : i + NEAR_FRAMES + 1].min() < CONTACT for i in closed]
    return ClipScore(
        clip_id=clip_id,
        source=source,
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


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's correlation of two series (L,)."""
    return float(np.corrcoef(a, b)[0, 1])


def main() -> None:
    """Score every val clip; print a line for each and the medians by source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    avatar = Avatar.load(args.weights)
    space = MotionSpace.load(args.weights / "motion_space.safetensors")
    scores = []
    for row in usable_clips(args.data / "clips.csv", "val"):
        real = opening(np.load(args.runs / "motion" / f"{row['id']}.npz")["motion"], space)
        sound = decode_audio(args.data / "clips" / f"{row['id']}.mp4")
        made = opening(animate(avatar, sound, len(real)), space)
        scores.append(score(row["id"], row["source"], real, made, int(row["lips_lead_frames"])))
    groups = {"one known voice (GRID s1)": [s for s in scores if s.source == "grid_s1"]}
    groups["people never seen or heard"] = [s for s in scores if s.source != "grid_s1"]
    figures = []
    for name, chosen in groups.items():
        figures += [
            Figure(f"{name}: correlation of opening", "", tuple(s.correlation for s in chosen)),
            Figure(f"{name}: shift", "frames", tuple(float(s.shift_frames) for s in chosen)),
            Figure(f"{name}: error / constant mouth", "", tuple(s.error_ratio for s in chosen)),
            Figure(
                f"{name}: real closures met",
                "",
                tuple(s.closures_met for s in chosen if s.closures_met == s.closures_met),
            ),
            Figure(f"{name}: movement / real", "", tuple(s.activity_ratio for s in chosen)),
        ]
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
