"""Does the head follow its speed? At nine settings of the control, against people who talk.

`python -m benchmarks.quality.head DATA RUNS`. The people are those of the `val` clips that are not
GRID's, whose heads are still by instruction; the model hears the same clips. Speed is that of the
head's rotation, which trembling raises, too: "smooth" is the speed of the rotation's moving average
over 0.36 s. Jerk is the size of the rotation's third difference. The model's motion is smoothed as
the tracker smooths people's; theirs contains what the tracker adds, too.

Two seeds on one sound: lips should agree (the sound says where they are), heads need not.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import (
    Take,
    animate,
    as_tracked,
    correlation,
    known,
    load_model,
    opening,
)
from benchmarks.quality.clips import arguments, counts, talkers
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.motion.space import NUM_HEAD, MotionSpace
from model.rates import FPS

SETTINGS = tuple(i / 8 for i in range(9))
SEEDS = (0, 1)
YAW = 1
SMOOTH_FRAMES = 9


def rotation(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Rotation vector of the head (L, 3), in radians."""
    head = motion[:, space.head] * space.scale[-NUM_HEAD:].numpy()
    return np.asarray(head[:, :3], np.float64)


def speeds(turned: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angular speed (L - 1,) in rad/s."""
    return np.asarray(np.linalg.norm(np.diff(turned, axis=0), axis=1) * FPS, np.float64)


def smooth(turned: NDArray[np.float64]) -> NDArray[np.float64]:
    """The moving average (L - 8, 3) of a rotation."""
    windows = np.lib.stride_tricks.sliding_window_view(turned, SMOOTH_FRAMES, axis=0)
    return np.asarray(windows.mean(axis=-1), np.float64)


def figures_of(name: str, heads: list[NDArray[np.float64]]) -> list[Figure]:
    """Speed, its variance, and jerk of each clip's head."""
    jerks = [np.linalg.norm(np.diff(own, n=3, axis=0), axis=1) * FPS**3 for own in heads]
    return [
        Figure(f"{name}: speed, rad/s", "", tuple(float(speeds(own).mean()) for own in heads)),
        Figure(
            f"{name}: smooth speed, rad/s",
            "",
            tuple(float(speeds(smooth(own)).mean()) for own in heads),
        ),
        Figure(
            f"{name}: variance of speed x 1000",
            "",
            tuple(float(1000 * speeds(own).var()) for own in heads),
        ),
        Figure(f"{name}: jerk, rad/s^3", "", tuple(float(jerk.mean()) for jerk in jerks)),
    ]


def agreement(
    name: str, pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> list[Figure]:
    """Correlation between two seeds, for each clip."""
    title = f"{name}: correlation of two seeds"
    return if_any(title, "", known(title, [correlation(a, b) for a, b in pairs]))


def main() -> None:
    """Measure people, the nine settings, and two seeds."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    clips = talkers(args.data, args.runs, "val")
    figures = figures_of("real people", [rotation(clip.motion, space) for clip in clips])
    takes = [
        Take(clip.sound, len(clip.motion), head_speed=setting)
        for setting in SETTINGS
        for clip in clips
    ]
    heads = [rotation(as_tracked(motion, space), space) for motion in animate(avatar, takes)]
    mean_speeds = []
    for i, setting in enumerate(SETTINGS):
        chosen = heads[i * len(clips) : (i + 1) * len(clips)]
        mean_speeds.append(float(np.mean([speeds(smooth(own)).mean() for own in chosen])))
        figures += figures_of(f"control {setting:.3f}", chosen)
    rises = [bool(after > before) for before, after in itertools.pairwise(mean_speeds)]
    follows = correlation(np.array(SETTINGS), np.array(mean_speeds))
    figures += [
        Figure("smooth speed against control: correlation", "", (follows,)),
        Figure(f"smooth speed rises with control, of {len(rises)} steps", "", (float(sum(rises)),)),
    ]
    seeded = [Take(clip.sound, len(clip.motion), seed) for clip in clips for seed in SEEDS]
    made = animate(avatar, seeded)
    pairs = list(zip(made[::2], made[1::2], strict=True))
    lips = [(opening(a, space), opening(b, space)) for a, b in pairs]
    yaws = [(rotation(a, space)[:, YAW], rotation(b, space)[:, YAW]) for a, b in pairs]
    figures += [*agreement("opening", lips), *agreement("yaw", yaws)]
    report(
        "quality_head: does the head follow its speed?",
        figures,
        baseline=measure_baseline(),
        settings={"num_steps": avatar.max_steps, **counts(clips)},
    )


if __name__ == "__main__":
    main()
