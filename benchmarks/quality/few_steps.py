"""Are few steps as good as many? What the denoiser draws, at 1, 2 and 50 denoising steps.

`python -m benchmarks.quality.few_steps DATA RUNS [--steps 1 2 50] [--split train]`. On the clips
that are not GRID's, each in `--sessions` sessions: how fast the head turns, and its jerk, means
over the sessions; blinks, eyes and brows come of processes that know no steps. The last number of
steps is what the others are compared with: 5 % is too much. Lips come from a regression, in one
evaluation whatever the steps: if not, it ends with an error.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import animate, load_model, opening
from benchmarks.quality.clips import counts, takes_of, talkers, talkers_arguments
from benchmarks.quality.head import rotation, smooth, speeds
from benchmarks.record import Figure, measure_baseline, report
from model.motion.space import MotionSpace
from model.rates import FPS

TOLERANCE = 0.05
_SAME_LIPS = 1e-5  # in face widths

Motions = Sequence[NDArray[np.float32]]


def measures(motions: Motions, space: MotionSpace) -> dict[str, tuple[float, ...]]:
    """What is compared, for each session."""
    heads = [rotation(motion, space) for motion in motions]
    jerks = [np.linalg.norm(np.diff(own, n=3, axis=0), axis=1) * FPS**3 for own in heads]
    return {
        "smooth speed of the head, rad/s": tuple(float(speeds(smooth(h)).mean()) for h in heads),
        "jerk of the head, rad/s^3": tuple(float(jerk.mean()) for jerk in jerks),
    }


def main() -> None:
    """Animate at every number of steps, compare."""
    parser = talkers_arguments(__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 50])
    args = parser.parse_args()
    avatar, space = load_model(args.weights)
    clips = talkers(args.data, args.runs, args.split)
    takes = takes_of(clips, args.sessions)
    motions = {steps: animate(avatar, takes, steps) for steps in args.steps}
    many = args.steps[-1]
    found = {steps: measures(own, space) for steps, own in motions.items()}
    figures = []
    for steps, own in found.items():
        apart = max(
            float(np.abs(opening(a, space) - opening(b, space)).max())
            for a, b in zip(motions[steps], motions[many], strict=True)
        )
        if apart > _SAME_LIPS:
            raise RuntimeError(
                f"lips at {steps} steps are {100 * apart:.3f} % of the face from those at {many},"
                " expected the same: do the weights fit the code?"
            )
        for name, values in own.items():
            figures.append(Figure(f"{steps} steps: {name}", "", values))
            ratio = float(np.mean(values) / np.mean(found[many][name]))
            verdict = "no more" if abs(ratio - 1) <= TOLERANCE else "MORE"
            print(
                f"{name}, {steps} steps: mean {np.mean(values):.3f},"
                f" {100 * (ratio - 1):+.1f} % against {many} steps:"
                f" {verdict} than {100 * TOLERANCE:.0f} % apart"
            )
    report(
        "quality_few_steps: are few steps as good as many?",
        figures,
        baseline=measure_baseline(),
        settings={
            "steps": args.steps,
            "split": args.split,
            **counts(clips),
            "sessions": len(takes),
        },
    )


if __name__ == "__main__":
    main()
