"""Whether anybody speaks, and lips that come to rest when nobody does.

A mouth left open at the end of a word may stay so through the silence after it, as people's do, and
a noise may move it. In front of an audience it should close.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

# Speech comes back at once, for the features know of it two frames ahead; silence must last.
SILENT_FRAMES = 3
CLOSING = 0.65
OPENING = 0.7


@dataclass(frozen=True)
class VoiceProbe:
    """A logistic regression on audio features: `weight` (D,), `bias` ()."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def load(cls, path: Path) -> "VoiceProbe":
        """Read a probe from a safetensors file."""
        tensors = load_file(path)
        return cls(tensors["weight"], tensors["bias"])

    def save(self, path: Path) -> None:
        """Write the probe to a safetensors file."""
        save_file({"weight": self.weight, "bias": self.bias}, path)

    def speaks(self, features: Tensor) -> Tensor:
        """Say of features (..., D) whether somebody speaks, (...) bool."""
        return torch.as_tensor(features @ self.weight + self.bias > 0)


@dataclass
class RestState:
    """How long it has been silent, in frames, and how far the lips follow the sound, 0..1."""

    silent_frames: int = 0
    gain: float = 1.0


def next_gains(state: RestState, speaks: list[bool]) -> list[float]:
    """Advance `state` by a frame for each flag; return what the mouth is multiplied by."""
    gains = []
    for spoken in speaks:
        state.silent_frames = 0 if spoken else state.silent_frames + 1
        if state.silent_frames >= SILENT_FRAMES:
            state.gain *= CLOSING
        else:
            state.gain += (1.0 - state.gain) * OPENING
        gains.append(state.gain)
    return gains
