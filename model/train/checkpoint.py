"""Checkpoints of training, put there whole or not at all: a run may be cut off at any time."""

from pathlib import Path
from typing import Any

import torch


def write(path: Path, state: dict[str, Any]) -> None:
    """Write `state` to `path` by way of a file beside it."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
