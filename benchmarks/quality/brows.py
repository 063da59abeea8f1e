"""Do brows move as people's do? How far from rest, and how fast.

`python -m benchmarks.quality.brows DATA RUNS [--split train]`. The people are those of the clips
that are not GRID's; the model hears the same clips, each in `--sessions` sessions. Of both brows'
height (the first coefficient of the brows), less what goes with the head's place: the tracker takes
some of the one for the other. The real people's numbers contain what it adds.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.clips import compare_talkers
from benchmarks.record import Figure
from model.motion.space import MotionSpace
from model.rates import FPS

# In coefficients: a brow that goes so far from where it mostly is has been raised, or knitted.
RAISED = 0.8

Motions = Sequence[NDArray[np.float32]]


def height(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """How far both brows are up (L,), % of the face's width, the head's part and mean aside."""
    brows = motion[:, space.brows.start].astype(np.float64)
    head = np.column_stack([motion[:, space.head], np.ones(len(motion))])
    own = brows - head @ np.linalg.lstsq(head, brows, rcond=None)[0]
    return np.asarray(-100 * own * float(space.brow_basis[0].norm(dim=1).max()))


def figures_of(name: str, motions: Motions, space: MotionSpace) -> list[Figure]:
    """Spread and speed of each clip, and how often brows go far."""
    heights = [height(motion, space) for motion in motions]
    spread = tuple(float(own.std()) for own in heights)
    speed = tuple(float(np.abs(np.diff(own)).mean()) * FPS for own in heights)
    unit = 100 * float(space.brow_basis[0].norm(dim=1).max())
    far = [np.abs(own - np.median(own)) > RAISED * unit for own in heights]
    moved = sum(int((own[1:] & ~own[:-1]).sum()) for own in far)
    return [
        Figure(f"{name}: spread", "% of a face's width", spread),
        Figure(f"{name}: speed", "% a second", speed),
        Figure(f"{name}: raised or knitted", "a second", (moved / sum(map(len, far)) * FPS,)),
    ]


if __name__ == "__main__":
    compare_talkers(__doc__, "quality_brows: do brows move as people's do?", figures_of)
