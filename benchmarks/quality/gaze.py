"""Do eyes move as people's do? Where they look, how often they jump, how they follow the head.

`python -m benchmarks.quality.gaze DATA RUNS [--split train]`. The people are those of the clips
that are not GRID's, who look at what they are asked to; the model hears the same clips, each in
`--sessions` sessions.
Positions and jumps are of the irises, in widths of the eye, to the right and down, in frames whose
lids are open; a jump is a change by more than 2 % from one frame to the next. The model's motion is
smoothed as the tracker smooths people's, whose numbers contain what it adds, too. Against the head
is by how much eyes turn over four frames without a jump, for each radian that the head turns: aside
for turning, down for nodding.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.blinks import lids
from benchmarks.quality.clips import compare_talkers
from benchmarks.quality.head import rotation
from benchmarks.record import Figure
from model.motion.space import NUM_GAZE, NUM_LIDS, MotionSpace
from model.rates import FPS

OPEN = 0.3  # closure of lids, below which the iris is seen
JUMP = 0.02
_APART_FRAMES = 4
# Which of the head's rotations turns the eyes aside, and which turns them down.
_AGAINST = ((0, 1, "aside"), (1, 0, "down"))

Motions = Sequence[NDArray[np.float32]]


def gaze(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Where the irises are (L, 2), in widths of the eye."""
    scale = space.scale[NUM_LIDS : NUM_LIDS + NUM_GAZE].numpy()
    return np.asarray(motion[:, space.gaze] * scale, np.float64)


def slope(turned: NDArray[np.float64], head: NDArray[np.float64]) -> float:
    """By how much eyes turn (n,) for each radian of the head's (n,), by least squares."""
    return float(turned @ head / (head @ head))


def figures_of(name: str, motions: Motions, space: MotionSpace) -> list[Figure]:
    """Spread, jumps a second, and what eyes do against the head, over all clips."""
    spreads, turned, heads = [], [], []
    jumps = seen = 0
    for motion in motions:
        eyes, head = gaze(motion, space), rotation(motion, space)
        is_open = lids(motion, space).mean(axis=1) < OPEN
        jumped = np.linalg.norm(np.diff(eyes, axis=0), axis=1) > JUMP
        uncovered = is_open[1:] & is_open[:-1]
        jumps, seen = jumps + int((jumped & uncovered).sum()), seen + int(uncovered.sum())
        calm = np.lib.stride_tricks.sliding_window_view(uncovered & ~jumped, _APART_FRAMES)
        still = calm.all(axis=1)
        turned.append((eyes[_APART_FRAMES:] - eyes[:-_APART_FRAMES])[still])
        heads.append((head[_APART_FRAMES:] - head[:-_APART_FRAMES])[still])
        if is_open.any():
            spreads.append(eyes[is_open].std(axis=0))
    all_turned, all_heads = np.concatenate(turned), np.concatenate(heads)
    aside, down = (tuple(float(100 * own[axis]) for own in spreads) for axis in (0, 1))
    return [
        Figure(f"{name}: spread aside", "%", aside),
        Figure(f"{name}: spread down", "%", down),
        Figure(f"{name}: jumps a second", "", (jumps / seen * FPS,)),
        *(
            Figure(
                f"{name}: against the head, {where}",
                "",
                (slope(all_turned[:, axis], all_heads[:, by]),),
            )
            for axis, by, where in _AGAINST
        ),
    ]


if __name__ == "__main__":
    compare_talkers(__doc__, "quality_gaze: do eyes move as people's do?", figures_of)
