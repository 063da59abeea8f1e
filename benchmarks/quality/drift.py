"""Does the motion drift, or latch, in an hour of talking? Every minute against the first.

`python -m benchmarks.quality.drift [--minutes 60]`, at least 3. The same minute of speech is heard
over and over by one session, which remembers what it heard and how it moved. Of every minute: how
far the lips open on average and how much that varies, how often they touch, how far the head and
the brows are from rest, and the longest time that the lips, or the lids, do not move at all. The
sound being the same, what differs between minutes is chance or drift: a line is fitted to them.
"""

import argparse
from dataclasses import astuple, dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import material
from benchmarks.quality.animate import CONTACT, WEIGHTS, load_model, opening
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import COEFFICIENTS, Controls, HopRequest
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME

MINUTE_S = 60
# Beside a line, two points have no degree of freedom left that could tell its error.
LEAST_MINUTES = 3
SEED = 0
# In face widths, and in the lids' own unit: less than this from frame to frame is no movement.
STILL = 1e-4


@dataclass(frozen=True)
class Minute:
    """Statistics of one minute of motion; openings in % of the face's width."""

    opening_mean: float
    opening_deviation: float
    contact_percent: float
    head_from_rest: float
    brows_from_rest: float
    lips_still_s: float
    lids_still_s: float


def longest_still_s(moving: NDArray[np.float64]) -> float:
    """Longest run of frames, in s, in which a series (L, ...) does not change."""
    changed = np.abs(np.diff(moving.reshape(len(moving), -1), axis=0)).max(axis=1) > STILL
    edges = np.flatnonzero(np.concatenate([[True], changed, [True]]))
    return float(np.diff(edges).max() - 1) / FPS


def statistics(motion: NDArray[np.float32], space: MotionSpace) -> Minute:
    """Reduce a minute of motion (L, M)."""
    gap = opening(motion, space)
    return Minute(
        opening_mean=100 * float(gap.mean()),
        opening_deviation=100 * float(gap.std()),
        contact_percent=100 * float((gap < CONTACT).mean()),
        head_from_rest=float(np.linalg.norm(motion[:, space.head], axis=1).mean()),
        brows_from_rest=float(np.linalg.norm(motion[:, space.brows], axis=1).mean()),
        lips_still_s=longest_still_s(gap),
        lids_still_s=longest_still_s(motion[:, space.lids].astype(np.float64)),
    )


def main() -> None:
    """Talk for an hour, look at every minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    args = parser.parse_args()
    if args.minutes < LEAST_MINUTES:
        parser.error(
            f"found --minutes {args.minutes}, expected {LEAST_MINUTES} or more: through fewer"
            " points a line is drawn without an error to tell"
        )
    avatar, space = load_model(WEIGHTS)
    state = avatar.open(SEED)
    hops = material.speech(MINUTE_S, SAMPLE_RATE).reshape(-1, avatar.hop_frames * SAMPLES_PER_FRAME)
    minutes: list[Minute] = []
    for _ in range(args.minutes):
        rows = [
            avatar.animate([HopRequest(state, samples, Controls(), avatar.max_steps)])[0]
            for samples in hops
        ]
        motion = torch.cat(rows)[:, COEFFICIENTS].numpy()
        minutes.append(statistics(motion, space))
    figures = []
    columns = np.array([astuple(minute) for minute in minutes]).T
    for field, column in zip(fields(Minute), columns, strict=True):
        figures.append(Figure(field.name.replace("_", " "), "", tuple(column.tolist())))
        (slope, _), covariance = np.polyfit(np.arange(len(column)), column, 1, cov=True)
        hour, error = slope * len(column), 1.96 * np.sqrt(covariance[0, 0]) * len(column)
        print(
            f"{field.name}: first minute {column[0]:.3f}, last {column[-1]:.3f},"
            f" {hour:+.3f} ± {error:.3f} over all (95 % confidence)"
        )
    report(
        "quality_drift: does the motion drift in an hour?",
        figures,
        baseline=measure_baseline(),
        settings={"minutes": args.minutes, "seed": SEED, "num_steps": avatar.max_steps},
    )


if __name__ == "__main__":
    main()
