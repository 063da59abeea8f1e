"""The motion space: a few dozen coefficients that carry a face's motion, and what they mean.

A motion vector of `dim` coefficients, each of about unit variance over people who talk, is laid out
as `mouth | brows | lids (2) | gaze (2) | head (6)`. Mouth and brows are principal components of
de-posed landmark displacements from the neutral face; the other groups are what `FaceMotion` says.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from model.motion.face import FaceMotion

NUM_LIDS = 2
NUM_GAZE = 2
NUM_HEAD = 6
# Inner lip, upper and lower vertex of each pair that meets when the mouth is closed, left to right.
INNER_LIP_PAIRS = (
    *((191, 95), (80, 88), (81, 178), (82, 87), (13, 14)),
    *((312, 317), (311, 402), (310, 318), (415, 324)),
)


@dataclass(frozen=True)
class MotionSpace:
    """Decodes motion vectors and splits a face into its neutral and its expression.

    template: (478, 3) the mean neutral face, in face space (see `model.identity.pose`).
    mouth_basis, brow_basis: (K, 478, 3) displacement of one standard deviation of each coefficient.
    scale: (10,) standard deviation of lids, gaze and head, in the units of `FaceMotion`.
    neutral_gain: (K_mouth + K_brow, 1434) the Wiener filter that reads the expression off one face.
    """

    template: NDArray[np.float32]
    mouth_basis: Tensor
    brow_basis: Tensor
    scale: Tensor
    neutral_gain: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> "MotionSpace":
        """Read the space from a safetensors file."""
        arrays = load_file(path)
        return cls(
            template=arrays["template"],
            mouth_basis=torch.from_numpy(arrays["mouth_basis"]),
            brow_basis=torch.from_numpy(arrays["brow_basis"]),
            scale=torch.from_numpy(arrays["scale"]),
            neutral_gain=arrays["neutral_gain"],
        )

    def save(self, path: Path) -> None:
        """Write the space to a safetensors file."""
        arrays = {
            "template": self.template,
            "mouth_basis": self.mouth_basis.numpy(),
            "brow_basis": self.brow_basis.numpy(),
            "scale": self.scale.numpy(),
            "neutral_gain": self.neutral_gain,
        }
        # safetensors writes memory as it lies, whatever the strides say.
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(arrays, path)

    @property
    def num_mouth(self) -> int:
        """Number of mouth coefficients."""
        return self.mouth_basis.shape[0]

    @property
    def num_brow(self) -> int:
        """Number of brow coefficients."""
        return self.brow_basis.shape[0]

    @property
    def dim(self) -> int:
        """Length of a motion vector."""
        return self.num_mouth + self.num_brow + NUM_LIDS + NUM_GAZE + NUM_HEAD

    @property
    def mouth(self) -> slice:
        """Where the mouth's coefficients are in a motion vector."""
        return slice(0, self.num_mouth)

    @property
    def brows(self) -> slice:
        """Where the brows' coefficients are."""
        return slice(self.num_mouth, self.num_mouth + self.num_brow)

    @property
    def lids(self) -> slice:
        """Where the two lids are."""
        return slice(self.brows.stop, self.brows.stop + NUM_LIDS)

    @property
    def gaze(self) -> slice:
        """Where the gaze is."""
        return slice(self.lids.stop, self.lids.stop + NUM_GAZE)

    @property
    def head(self) -> slice:
        """Where rotation (3) and translation (3) of the head are."""
        return slice(self.gaze.stop, self.gaze.stop + NUM_HEAD)

    def decode(self, motion: Tensor) -> FaceMotion:
        """Motion vectors (n, M) to the motion of a face."""
        deltas = torch.einsum("nk,kvc->nvc", motion[:, self.mouth], self.mouth_basis)
        deltas = deltas + torch.einsum("nk,kvc->nvc", motion[:, self.brows], self.brow_basis)
        rest = motion[:, self.lids.start :] * self.scale
        return FaceMotion(
            deltas=deltas,
            lid_closure=rest[:, :2],
            gaze=rest[:, 2:4],
            rotation=rest[:, 4:7],
            translation=rest[:, 7:],
        )

    def neutralize(self, face: NDArray[np.floating]) -> NDArray[np.float64]:
        """Take the expression off a de-posed face (478, 3), in face space.

        The expression is the posterior mean under Gaussian priors of identity and expression.
        """
        flat = (face - self.template).reshape(-1)
        coefficients = self.neutral_gain.astype(np.float64) @ flat
        basis = np.concatenate([self.mouth_basis.numpy(), self.brow_basis.numpy()])
        expression = np.tensordot(coefficients, basis.astype(np.float64), axes=1)
        return np.asarray(face - expression, np.float64)
