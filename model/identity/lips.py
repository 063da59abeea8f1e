"""Bringing the lips of a face together."""

import numpy as np
from numpy.typing import NDArray

from model.identity.topology import JAW, LOWER_LIP_RINGS, UPPER_LIP_RINGS

# Share of the gap that the upper lip closes; the jaw brings the rest.
_UPPER_SHARE = 0.3
# How much of the lower lip's way the chin goes.
_CHIN_SHARE = 0.6


def lip_gap(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the vectors (11, 3) from the upper to the lower inner lip of points (478, 3)."""
    return np.asarray(points[list(LOWER_LIP_RINGS[0])] - points[list(UPPER_LIP_RINGS[0])], float)


def close_lips(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return points (478, 3) of a face whose inner lips meet exactly, pair by pair.

    Each lip moves as a whole across its rings, so that lips keep their thickness.
    """
    closed = np.array(points, dtype=np.float64)
    gap = lip_gap(points)
    for upper, lower in zip(UPPER_LIP_RINGS, LOWER_LIP_RINGS, strict=True):
        closed[list(upper[1:-1])] += _UPPER_SHARE * gap[1:-1]
        closed[list(lower[1:-1])] -= (1 - _UPPER_SHARE) * gap[1:-1]
    closed[list(JAW)] -= (1 - _UPPER_SHARE) * _CHIN_SHARE * gap[5]
    return closed
