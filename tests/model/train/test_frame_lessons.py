from pathlib import Path

import numpy as np
import pytest
import torch

from model.train.frame_lessons import FrameBatch, FrameLessons, disturb, to_bytes, to_pictures

SIZE = 16
RUNS, FRAMES = 3, 4


def write(path: Path, split: str, locator: int = 255) -> None:
    rng = np.random.default_rng(0)
    shape = (RUNS, FRAMES, SIZE, SIZE, 3)
    np.savez(
        path,
        reference=rng.integers(0, 256, shape[2:], dtype=np.uint8),
        warps=rng.integers(0, 256, shape, dtype=np.uint8),
        truths=rng.integers(0, 256, shape, dtype=np.uint8),
        locators=np.full((RUNS, FRAMES, SIZE, SIZE, 1), locator, np.uint8),
        split=split,
    )


def test_only_the_asked_split_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.0.npz", "train")
    write(tmp_path / "b.0.npz", "val")
    write(tmp_path / "b.1.npz", "val")
    assert len(FrameLessons(tmp_path, "train")) == 1
    assert len(FrameLessons(tmp_path, "val")) == 2


def test_without_lessons_it_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "a.0.npz", "train")
    with pytest.raises(FileNotFoundError, match=r"found no lessons of val .* make them first"):
        FrameLessons(tmp_path, "val")


def test_open_mouths_are_drawn_more_often(tmp_path: Path) -> None:
    write(tmp_path / "open.0.npz", "train", locator=60)
    write(tmp_path / "shut.0.npz", "train", locator=0)
    batch = FrameLessons(tmp_path, "train").draw(300, np.random.default_rng(0))
    opened = (batch.locators[:, -1].mean(dim=(1, 2, 3)) > 0.05).float().mean()
    assert 0.9 < opened < 1


def test_where_nothing_may_be_painted_the_truth_is_the_warp() -> None:
    warps, truths = torch.rand(2, 1, FRAMES, 3, SIZE, SIZE)
    locators = torch.zeros(1, FRAMES, 1, SIZE, SIZE)
    locators[..., 4:8, 4:8] = 1
    batch = FrameBatch.of(warps[:, 0], warps, truths, locators)
    assert torch.equal(batch.truths[..., 4:8, 4:8], truths[..., 4:8, 4:8])
    assert torch.equal(batch.truths[..., 9:, :], warps[..., 9:, :])


def test_all_pictures_of_a_lesson_are_disturbed_alike() -> None:
    pictures = torch.rand(8, FRAMES, 3, SIZE, SIZE) * 2 - 1
    locators = torch.ones(8, FRAMES, 1, SIZE, SIZE)
    batch = FrameBatch(pictures[:, 0], pictures, pictures.clone(), locators)
    disturbed = disturb(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(disturbed.warps, disturbed.truths)
    torch.testing.assert_close(disturbed.reference, disturbed.warps[:, 0])
    assert (disturbed.warps - pictures).abs().mean() > 0.1
    assert disturbed.warps.abs().max() <= 1


def test_bytes_are_pictures_and_bytes_again() -> None:
    crops = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(to_bytes(to_pictures(crops)), crops)
    assert to_bytes(torch.full((3, 1, 1), 1.7)).tolist() == [[[255, 255, 255]]]
