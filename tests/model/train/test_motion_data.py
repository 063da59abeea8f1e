"""Windows for the motion denoiser: what belongs together stays together."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.motion.space import MotionSpace
from model.train.motion_data import (
    GRID_SHARE,
    ONSET_SHARE,
    SPOKEN_SHARE,
    Recording,
    WindowSampler,
    carried_over,
    load_recordings,
    load_voices,
    usable_clips,
    with_eyes_shut,
)
from model.train.motion_trainer import face_loss

DIM, FEATURES = 34, 6


def recording(speaker: str, start: float, length: int = 60) -> Recording:
    """Every number of frame i is `start` + i."""
    count = start + np.arange(length, dtype=np.float32)
    return Recording(
        clip_id=speaker,
        speaker=speaker,
        motion=np.repeat(count[:, None], DIM, 1),
        features=np.repeat(count[None, :, None], FEATURES, 2),
        head_speed=np.full(length, 0.1, np.float32),
    )


def sampler(
    recordings: list[Recording], space: MotionSpace, grid_share: float = GRID_SHARE
) -> WindowSampler:
    idle = np.full((500, FEATURES), -1.0, np.float32)
    return WindowSampler(recordings, idle, space, 10, seed=0, grid_share=grid_share)


def test_sound_and_motion_of_a_window_are_of_the_same_frames(space: MotionSpace) -> None:
    drawn = sampler([recording("grid-s1", 1), recording("other", 1001)], space)
    batch = drawn.draw(400, new_frames=4)
    assert batch.motion.shape == (400, 14, DIM)
    talking = batch.features[:, -1, 0] > 0
    assert 0.8 < talking.float().mean() < 0.95
    torch.testing.assert_close(batch.motion[talking][..., 0], batch.features[talking][..., 0])
    head = batch.motion[talking][..., space.head.start]
    torch.testing.assert_close(head, batch.features[talking][..., 0])


def test_windows_are_of_recordings_that_are_long_enough(space: MotionSpace) -> None:
    short, long = recording("short", 1, length=30), recording("long", 1001, length=50)
    batch = sampler([short, long], space).draw(200, new_frames=48)
    talking = batch.features[:, -1, 0] > 0
    assert (batch.features[talking][:, -1, 0] > 1000).all()
    with pytest.raises(ValueError, match="longest recording has 30 frames, expected more than 48"):
        sampler([short], space).draw(1, new_frames=48)


def test_windows_reach_before_the_start_with_zeros(space: MotionSpace) -> None:
    batch = sampler([recording("grid-s1", 1)], space).draw(500, new_frames=2)
    first = batch.motion[..., space.head.start]
    early = first[:, 0] == 0
    assert early.any()
    assert ((first[early].diff(dim=1) == 0) | (first[early].diff(dim=1) == 1)).all()


def test_idle_windows_bring_the_mouth_to_rest_and_let_the_head_live(space: MotionSpace) -> None:
    batch = sampler([recording("grid-s1", 1)], space).draw(500, new_frames=8)
    idle = batch.features[:, -1, 0] == -1
    mouth = batch.motion[idle][:, -8:, 0].abs()
    assert (mouth.diff(dim=1) <= 0).all()
    assert (mouth[:, -1] <= 0.02 * batch.motion[idle][:, 9, 0].abs() + 1e-6).all()
    assert (batch.motion[idle][:, -1, space.head.start] > 1).all()


def test_many_windows_are_about_the_first_sound_after_a_silence(space: MotionSpace) -> None:
    late = replace(recording("spoken", 1.0, length=1000), speaks_from=500)
    windows = sampler([late], space).draw(400, 2).motion[:, -1, -1].numpy() - 1
    near = np.abs(windows - 503) <= 4
    assert near.mean() == pytest.approx(ONSET_SHARE, abs=0.05)
    assert near.mean() > 0.05


@pytest.mark.parametrize("grid_share", [GRID_SHARE, 0.1])
def test_every_group_of_speakers_gets_its_share_of_the_windows(
    space: MotionSpace, grid_share: float
) -> None:
    grid, spoken = recording("grid-s1", 1, 900), recording("spoken", 5001, 300)
    drawn = sampler([grid, spoken, recording("other", 9001, 60)], space, grid_share)
    head = drawn.draw(2000, new_frames=2).motion[:, -1, space.head.start]
    assert (head < 4000).float().mean().item() == pytest.approx(grid_share, abs=0.05)
    assert (head > 9000).float().mean().item() == pytest.approx(
        1 - grid_share - SPOKEN_SHARE, abs=0.05
    )


def test_without_spoken_voices_the_others_get_all_but_the_one_share(space: MotionSpace) -> None:
    drawn = sampler([recording("grid-s1", 1, 900), recording("other", 9001, 60)], space, 1 / 7)
    head = drawn.draw(2000, new_frames=2).motion[:, -1, space.head.start]
    assert (head < 4000).float().mean().item() == pytest.approx(1 / 7, abs=0.03)


def test_voices_that_nobody_filmed_get_a_filmed_face(tmp_path: Path, space: MotionSpace) -> None:
    mouth = np.full((75, space.num_mouth), 0.5, np.float32)
    (tmp_path / "spoken").mkdir()
    np.savez(tmp_path / "spoken" / "7.npz", mouth=mouth)
    np.save(tmp_path / "spoken-7.npy", np.ones((2, 75, FEATURES), np.float16))
    person = recording("other", 0, length=30)
    (loaded,) = load_voices(
        tmp_path / "spoken", tmp_path, space, [person], np.random.default_rng(0)
    )
    assert loaded.speaker == "spoken"
    assert (loaded.motion[:, space.mouth] == 0.5).all()
    head = loaded.motion[:, space.head.start]
    assert len(loaded.motion) == len(loaded.head_speed) == 75
    # Forth and back: no frame is far from the one before it.
    assert np.abs(np.diff(head)).max() == 1
    assert set(head) == set(range(30))


def test_lips_that_were_not_heard_are_refused(tmp_path: Path, space: MotionSpace) -> None:
    (tmp_path / "mocap").mkdir()
    np.savez(tmp_path / "mocap" / "a.npz", mouth=np.zeros((75, space.num_mouth), np.float32))
    with pytest.raises(FileNotFoundError, match=r"found no .*mocap-a\.npy.*motion_features"):
        load_voices(
            tmp_path / "mocap",
            tmp_path,
            space,
            [recording("other", 0)],
            np.random.default_rng(0),
        )


@pytest.mark.parametrize("lead", [-3, 0, 4])
def test_sound_is_moved_onto_the_lips(tmp_path: Path, space: MotionSpace, lead: int) -> None:
    count = np.arange(60, dtype=np.float32)
    motion = np.repeat(count[:, None] / 100, DIM, 1)
    np.savez(tmp_path / "a.npz", motion=motion, valid=np.ones(60, bool))
    # The sound of lips at frame i comes `lead` frames later.
    np.save(tmp_path / "a.npy", np.repeat((count - lead)[None, :, None], FEATURES, 2))
    row = {"id": "a", "speaker": "x", "lips_lead_frames": str(lead)}
    (loaded,) = load_recordings([row], tmp_path, tmp_path, space)
    np.testing.assert_allclose(loaded.motion[:, 0] * 100, loaded.features[0, :, 0], atol=1e-4)


def test_clips_of_uncertain_synchrony_are_left_out(tmp_path: Path) -> None:
    rows = [
        ("sure", "train", "1", "2", "0.3"),
        ("in step", "train", "1", "0", "0.05"),
        ("doubtful", "train", "1", "3", "0.05"),
        ("unknown", "train", "1", "", ""),
        ("silent", "train", "0", "0", "0.3"),
        ("validation", "val", "1", "0", "0.3"),
    ]
    path = tmp_path / "clips.csv"
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "split", "audio", "lips_lead_frames", "sync_score"])
        writer.writerows(rows)
    assert [row["id"] for row in usable_clips(path, "train")] == ["sure", "in step"]


def test_steps_count_beside_places() -> None:
    clean, last = torch.zeros(1, 2, 4), torch.zeros(1, 1, 4)
    stays, jumps = torch.ones(1, 2, 4), torch.ones(1, 2, 4)
    jumps[:, 1] = -1
    assert face_loss(clean, clean, last).item() == 0
    # As far off in both frames; of its two steps one is wrong by 1, or both are, by 1 and 2.
    assert face_loss(stays, clean, last).item() == pytest.approx(1 + 0.5 * 1 / 2)
    assert face_loss(jumps, clean, last).item() == pytest.approx(1 + 0.5 * 5 / 2)


def test_eyes_go_straight_through_where_they_are_shut_and_keep_the_rest() -> None:
    closure = np.zeros(120, np.float32)
    closure[:20] = np.linspace(0, 0.1, 20)
    closure[20:26] = (0.3, 0.9, 0.9, 0.6, 0.4, 0.25)
    closure[26:] = 0.2
    closure[60:64] = 0.4  # narrowed, not shut
    closure[80:110] = 0.9  # shut for longer than a blink
    shut = with_eyes_shut(np.stack([closure, closure], axis=1))
    blink, long = np.arange(19, 27), np.arange(79, 111)
    np.testing.assert_array_equal(np.flatnonzero(shut), np.concatenate([blink, long]))
    gaze = np.linspace(0, 1, 120, dtype=np.float32)
    gaze[21:25] = 5  # lost behind the lids
    opened = carried_over(np.stack([closure, gaze], axis=1), shut)
    np.testing.assert_allclose(opened[18:28, 0], np.linspace(closure[18], 0.2, 10), atol=1e-6)
    np.testing.assert_allclose(opened[78:112, 0], 0.2, atol=1e-6)
    np.testing.assert_allclose(opened[:, 1], np.linspace(0, 1, 120), atol=1e-6)
    np.testing.assert_array_equal(opened[~shut, 0], closure[~shut])
