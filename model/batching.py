"""States of many sessions as one batch, and back."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

import torch

StateT = TypeVar("StateT")


def stack(states: Sequence[StateT]) -> StateT:
    """Join dataclasses of tensors, batch first, into one whose tensors are the batch."""
    kind = type(states[0])
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: torch.cat([getattr(s, name) for s in states]) for name in names})


def unstack(batch: StateT, count: int) -> list[StateT]:
    """Undo `stack`: `count` dataclasses of batch size one."""
    kind = type(batch)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return [kind(**{name: getattr(batch, name)[i : i + 1] for name in names}) for i in range(count)]
