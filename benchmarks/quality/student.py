"""Are few steps as good as many? The lips' figures of `lips.py` at 1, 2 and 50 denoising steps.

`python -m benchmarks.quality.student DATA RUNS [--steps 1 2 50]`. Means over the `val` clips; the
last number of steps is what the others are compared with, and 5 % worse is too much.
"""

import numpy as np

from benchmarks.quality.animate import (
    KNOWN_VOICE,
    UNKNOWN_VOICES,
    arguments,
    known,
    load_model,
    val_clips,
)
from benchmarks.quality.lips import score_clips
from benchmarks.record import Figure, measure_baseline, report

TOLERANCE = 0.05
# Whether more is better.
MEASURES = {"correlation": True, "closures_met": True, "error_ratio": False}


def main() -> None:
    """Score all clips at every number of steps."""
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 50])
    args = parser.parse_args()
    avatar, space = load_model(args.weights)
    clips = val_clips(args.data, args.runs)
    scores = {steps: score_clips(avatar, space, clips, steps) for steps in args.steps}
    many = args.steps[-1]
    figures = []
    for group in (KNOWN_VOICE, UNKNOWN_VOICES):
        for measure, more_is_better in MEASURES.items():
            found = {}
            for steps, own in scores.items():
                name = f"{group}, {steps} steps: {measure}"
                found[steps] = known(name, [getattr(s, measure) for s in own if s.group == group])
                figures.append(Figure(name, "", found[steps]))
            for steps, values in found.items():
                ratio = float(np.mean(values) / np.mean(found[many]))
                worse = 1 - ratio if more_is_better else ratio - 1
                verdict = "no more" if worse <= TOLERANCE else "MORE"
                print(
                    f"{group}, {measure}, {steps} steps: mean {np.mean(values):.3f},"
                    f" {100 * (ratio - 1):+.1f} % against {many} steps:"
                    f" {verdict} than {100 * TOLERANCE:.0f} % worse"
                )
    report(
        "quality_student: are few steps as good as many?",
        figures,
        baseline=measure_baseline(),
        settings={"steps": args.steps, "clips": len(clips)},
    )


if __name__ == "__main__":
    main()
