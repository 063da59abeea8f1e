"""Lips that meet at p, b and m, whoever says them.

How lips move the regressor learned from few people, and it misses contacts of voices it does not
know. The encoder knows such phones from many voices: a small classifier hears in its features that
lips are together, and then they are, by the least change of the mouth.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from model.features.encoder import SUBFRAMES
from model.motion.space import INNER_LIP_PAIRS

ROWS = 4
"""Rows of 20 ms that the probe hears: the one that it judges, and those before it."""

# Logits between which lips come together. Less than an even chance is enough: a mouth that stays
# open on a b is a worse fault than lips that meet at a t.
_APART, _TOGETHER = -3.0, -2.0
# In face widths. A regression's mean hardly ever closes quite: lips that come nearer than the first
# are brought nearer still, at the second together.
_NEAR, _MEET = 0.020, 0.008
_MIDDLE = slice(2, -2)  # of the pairs: corners part last
# Of the closing's least squares: ties it to what mouths do, at 1 % of the gap.
_RIDGE = 1e-6


@dataclass(frozen=True)
class ContactProbe:
    """A classifier of one hidden layer: weights (H, ROWS * D), (H,), (H,) and bias ()."""

    hidden_weight: Tensor
    hidden_bias: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def load(cls, path: Path) -> "ContactProbe":
        """Read a probe from a safetensors file."""
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        return cls(
            tensors["hidden_weight"], tensors["hidden_bias"], tensors["weight"], tensors["bias"]
        )

    def save(self, path: Path) -> None:
        """Write the probe (half precision) to a safetensors file."""
        save_file({name: tensor.half().contiguous() for name, tensor in vars(self).items()}, path)

    def logits(self, rows: Tensor) -> Tensor:
        """Judge the last of rows (..., ROWS * D), oldest first: above 0 lips are together."""
        hidden = F.gelu(F.linear(rows, self.hidden_weight, self.hidden_bias))
        return torch.as_tensor(hidden @ self.weight + self.bias)

    def closing(self, features: Tensor, frames: int) -> Tensor:
        """How far lips are brought together, 0..1, in the last frames of features (B, A, D).

        A frame shows the time of the first of its rows: heard ahead (`model.avatar.SOUND_LEAD_MS`),
        its 20 ms are the middle of the frame's 40. Raises ValueError if the features do not reach
        back far enough.
        """
        batch, length, width = features.shape
        rows = features.reshape(batch, SUBFRAMES * length, width // SUBFRAMES)
        rows = rows[:, : SUBFRAMES * (length - 1) + 1]
        if rows.shape[1] < SUBFRAMES * (frames - 1) + ROWS:
            raise ValueError(
                f"found features of {length} frames, expected at least "
                f"{frames + ROWS // SUBFRAMES} to judge {frames} of them"
            )
        judged = rows.unfold(1, ROWS, 1)[:, -1 - SUBFRAMES * (frames - 1) :: SUBFRAMES]
        logits = self.logits(judged.transpose(2, 3).flatten(2))
        return torch.clamp((logits - _APART) / (_TOGETHER - _APART), 0, 1)


class LipCloser:
    """Brings the inner lips of mouths together, by the least change of their coefficients."""

    def __init__(self, mouth_basis: Tensor) -> None:
        """mouth_basis: (K, 478, 3), see `MotionSpace`."""
        upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))
        self._gaps: Tensor = (mouth_basis[:, lower, 1] - mouth_basis[:, upper, 1]).T
        gram = self._gaps @ self._gaps.T
        ridge = _RIDGE * torch.eye(len(gram))
        self._back: Tensor = torch.linalg.solve(gram + ridge, self._gaps)

    def close(self, mouth: Tensor, share: Tensor) -> Tensor:
        """Take `share` (...) of the gaps of a mouth (..., K) away, of small ones more.

        Lips that overlap stay so.
        """
        gaps = mouth @ self._gaps.T
        opening = gaps[..., _MIDDLE].mean(dim=-1)
        nearness = torch.clamp((_NEAR - opening) / (_NEAR - _MEET), 0, 1)
        closing = torch.maximum(share, nearness)
        return mouth - closing[..., None] * (gaps.clamp(min=0) @ self._back)
