"""Scattered interpolation as one matrix, so that drawing a frame only multiplies.

Kriging (Gaussian-process regression, Rasmussen & Williams 2006, eq. 2.23) with a Matérn-3/2 kernel:
smooth, exact up to `noise` at the control points, falling to zero away from them.
"""

import torch
from torch import Tensor

_ROOT_3 = 3**0.5


def kriging(controls: Tensor, queries: Tensor, length: float, noise: float) -> Tensor:
    """Return the matrix (M, N) from values at `controls` (N, 2) to those at `queries` (M, 2).

    length: over which the kernel falls to a half, in the unit of the points; noise: standard
    deviation of the values relative to their own.
    """
    points = controls.double()
    gram = _matern(torch.cdist(points, points), length)
    gram += noise**2 * torch.eye(len(points), dtype=torch.float64)
    # The matrix is positive definite; its inverse in double precision keeps what float32 can hold.
    inverse = torch.linalg.inv(gram).float()
    cross = _matern(torch.cdist(queries, controls), length)
    return torch.mm(cross, inverse)


def _matern(distance: Tensor, length: float) -> Tensor:
    scaled = distance * (_ROOT_3 / length)
    return (1 + scaled) * scaled.neg().exp_()
