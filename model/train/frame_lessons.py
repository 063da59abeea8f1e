"""Batches for the frame denoiser: lessons read into memory, disturbed as portraits differ."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_PARTS = ("reference", "warps", "truths", "locators")
# One speaker has most of the clips.
_SHARE_OF_GRID_S1 = 0.12
# A shut mouth's chance to be drawn beside that of one whose locator fills this share of the crop.
_SHUT_CHANCE, _WIDE_OPEN = 0.1, 0.1
# Luminance of Rec. 709.
_LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class FrameBatch:
    """Pictures in -1..1: `reference` (B, 3, S, S), `warps` and `truths` (B, T, 3, S, S).

    locators: (B, T, 1, S, S) 0..1. Where they are 0, the truths are the warps.
    """

    reference: Tensor
    warps: Tensor
    truths: Tensor
    locators: Tensor

    @classmethod
    def of(cls, reference: Tensor, warps: Tensor, truths: Tensor, locators: Tensor) -> "FrameBatch":
        """Show of the truths what may be painted."""
        return cls(reference, warps, torch.lerp(warps, truths, locators), locators)


class FrameLessons:
    """All lessons of one split; draws open mouths more often than shut ones."""

    def __init__(self, folder: Path, split: str) -> None:
        self._lessons: list[dict[str, NDArray[np.uint8]]] = []
        self._runs: list[tuple[int, int]] = []
        chances: list[float] = []
        of_grid_s1: list[bool] = []
        for path in sorted(folder.glob("*.npz")):
            with np.load(path) as arrays:
                if str(arrays["split"]) != split:
                    continue
                lesson = {part: arrays[part] for part in _PARTS}
            number = len(self._lessons)
            self._lessons.append(lesson)
            open_share = lesson["locators"][:, -1].mean(axis=(1, 2, 3)) / 255
            self._runs += [(number, run) for run in range(len(open_share))]
            chances += (_SHUT_CHANCE + open_share / _WIDE_OPEN).tolist()
            of_grid_s1 += [path.name.startswith("grid-s1_")] * len(open_share)
        if not chances:
            raise FileNotFoundError(f"found no lessons of {split} in {folder}: make them first")
        chance, one = np.array(chances), np.array(of_grid_s1)
        if one.any() and not one.all():
            chance[one] *= _SHARE_OF_GRID_S1 * chance[~one].sum() / chance[one].sum()
        self._chance = chance / chance.sum()

    def __len__(self) -> int:
        return len(self._lessons)

    def draw(self, count: int, rng: np.random.Generator) -> FrameBatch:
        """Draw a disturbed batch."""
        pairs = [self._runs[i] for i in rng.choice(len(self._runs), count, p=self._chance)]
        warps, truths, locators = (
            to_pictures(np.stack([self._lessons[i][part][run] for i, run in pairs]))
            for part in _PARTS[1:]
        )
        reference = to_pictures(np.stack([self._lessons[i]["reference"] for i, _ in pairs]))
        batch = FrameBatch.of(reference, warps, truths, (locators + 1) / 2)
        return disturb(batch, torch.Generator().manual_seed(int(rng.integers(2**31))))


def disturb(batch: FrameBatch, random: torch.Generator) -> FrameBatch:
    """Change colours, place and side of each lesson, alike in all of its pictures."""
    count = len(batch.warps)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=random)

    # Place: a portrait's crop is never cut just so.
    turn = normal() * 0.06
    size = torch.exp(normal() * 0.05)
    side = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
    cosine, sine = size * turn.cos(), size * turn.sin()
    shift = normal(2) * 0.05
    matrix = torch.stack(
        [
            torch.stack([side * cosine, -sine, shift[:, 0]], dim=1),
            torch.stack([side * sine, cosine, shift[:, 1]], dim=1),
        ],
        dim=1,
    )
    extent = list(batch.reference.shape[-2:])
    grid = functional.affine_grid(matrix, [count, 1, *extent], align_corners=False)
    # Colour: any light, any skin, any paint.
    mix = torch.eye(3) + normal(3, 3) * 0.08
    grey = (torch.rand(count, 1, 1, generator=random) < 0.1).float()
    mix = (1 - grey) * mix + grey * torch.tensor(_LUMA).expand(3, 3)
    mix = mix * torch.exp(normal(1, 1) * 0.12)
    gamma = torch.exp(normal(1, 1, 1, 1) * 0.25)
    tint = normal(1, 3, 1, 1) * 0.02

    def place(pictures: Tensor) -> Tensor:
        flat = functional.grid_sample(
            pictures.flatten(1, 2), grid, padding_mode="border", align_corners=False
        )
        return flat.reshape(pictures.shape)

    def color(pictures: Tensor) -> Tensor:
        unit = ((place(pictures) + 1) / 2).clamp(1e-3, 1) ** gamma
        unit = torch.einsum("bij,btjhw->btihw", mix, unit) + tint
        return unit.clamp(0, 1) * 2 - 1

    return FrameBatch(
        color(batch.reference[:, None])[:, 0],
        color(batch.warps),
        color(batch.truths),
        place(batch.locators),
    )


def to_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """(..., 3, S, S) in -1..1 to (..., S, S, 3) bytes; what is beyond is clipped."""
    values = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    crops: NDArray[np.uint8] = values.movedim(-3, -1).numpy()
    return crops


def to_pictures(crops: NDArray[np.uint8]) -> Tensor:
    """(..., S, S, 3) bytes to (..., 3, S, S) in -1..1."""
    return torch.from_numpy(crops).movedim(-1, -3).float() / 127.5 - 1
