"""The linear algebra of the motion space: its axes, coefficients on them, faces without any."""

import numpy as np
from numpy.typing import NDArray


def principal(
    deltas: NDArray[np.float64], emphasis: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Components (count, 478, 3), scaled to one standard deviation, of deltas (N, 478, 3).

    The axes are chosen under a per-landmark `emphasis` (478,), so that lips keep their precision.
    """
    flat = (deltas * emphasis[:, None]).reshape(len(deltas), -1)
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    axes = vectors[:, ::-1][:, :count].T
    std = (flat @ axes.T).std(axis=0)
    print("explained", np.round(np.cumsum(values[::-1][:count]) / values.sum(), 3))
    basis = (axes * std[:, None]).reshape(count, *deltas.shape[1:])
    return np.asarray(basis / emphasis[:, None])


def encode(
    deltas: NDArray[np.float64], basis: NDArray[np.float64], emphasis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least-squares coefficients (L, K), under `emphasis`, of deltas (L, 478, 3)."""
    weighted = (basis * emphasis[:, None]).reshape(len(basis), -1)
    target = (deltas * emphasis[:, None]).reshape(len(deltas), -1)
    return np.asarray(np.linalg.lstsq(weighted.T, target.T, rcond=None)[0].T, np.float64)


def neutral_filter(
    neutrals: NDArray[np.float64], portraits: NDArray[np.float64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Wiener gain (K, 1434): expression coefficients of a face whose identity is unknown."""
    mean = neutrals.mean(axis=0)
    identity = (neutrals - mean).reshape(len(neutrals), -1)
    faces = (portraits - mean).reshape(len(portraits), -1)
    flat = basis.reshape(len(basis), -1)
    # Portraits smile: what the expression basis explains of them is no evidence of identity.
    faces = faces - faces @ np.linalg.pinv(flat) @ flat
    covariance = identity.T @ identity / len(identity) + faces.T @ faces / len(faces)
    # A portrait is posed, a talker is caught in passing: expressions are wider than in speech.
    expression = flat * 2.0
    noise = 0.006**2 * np.eye(flat.shape[1])
    gain = expression @ np.linalg.inv(expression.T @ expression + covariance + noise)
    return np.asarray(gain * 2.0)
