"""Whom the model is compared with: people never seen, whose face was found throughout."""

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import clips
from benchmarks.quality.clips import (
    Clip,
    counts,
    read_clips,
    speaker_of,
    split_rows,
)
from model.train.held_out import SEEN_IN_TRAINING, is_seen_in_training

COLUMNS = ("id", "split", "source", "speaker", "audio", "lips_lead_frames", "sync_score")


def row(speaker: str, piece: int = 0, *, source: str = "web", audio: str = "1") -> dict[str, str]:
    values = (f"{speaker}.{piece}", "val", source, speaker, audio, "0", "0.5")
    return dict(zip(COLUMNS, values, strict=True))


def write(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "clips.csv").open("w", newline="") as handle:
        table = csv.DictWriter(handle, COLUMNS)
        table.writeheader()
        table.writerows(rows)


def test_people_of_training_are_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = next(iter(SEEN_IN_TRAINING))
    write(tmp_path, [row("new"), row(seen), row("silent", audio="0")])
    assert [own["speaker"] for own in split_rows(tmp_path, "val")] == ["new"]
    told = capsys.readouterr().out
    assert "1 of 3 clips left out: silent" in told
    assert "1 of 2 clips left out: training has seen their 1 people" in told


def test_clips_without_video_motion_or_face_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "decode_audio", lambda _: np.zeros(16_000, np.float32))
    rows = [row(name) for name in ("good", "lost", "untracked", "gone")]
    (tmp_path / "clips").mkdir()
    (tmp_path / "motion").mkdir()
    for name in ("good", "lost", "untracked"):
        (tmp_path / "clips" / f"{name}.0.mp4").touch()
    for name, is_seen in (("good", True), ("lost", False), ("gone", True)):
        valid = np.array([True, is_seen])
        np.savez(tmp_path / "motion" / f"{name}.0.npz", motion=np.zeros((2, 34)), valid=valid)
    assert [clip.speaker for clip in read_clips(rows, tmp_path, tmp_path, "val")] == ["good"]
    told = capsys.readouterr().out
    for why in ("the face lost in some frames", "no motion", "no video"):
        assert f"1 of 4 clips left out: {why}" in told


def test_two_clips_of_one_video_are_one_person() -> None:
    silence = np.zeros(0, np.float32)
    taken = [
        Clip(f"{speaker}.{piece}", source, speaker, silence, silence, 0)
        for speaker, piece, source in (("a", 0, "web"), ("a", 1, "web"), ("grid-s1", 0, "grid_s1"))
    ]
    assert counts(taken) == {"clips of GRID s1": 1, "clips of others": 2, "other people": 1}


@pytest.mark.parametrize(
    ("clip_id", "speaker", "is_seen"),
    [
        ("grid-s1_swai1s.0", "grid-s1", True),
        ("grid-s2_pbwp6s.0", "grid-s2", True),
        ("grid-s3_lwwz6n.0", "grid-s3", False),
        ("politicians_public-deerajnago__obama.0", "politicians_public-deerajnago__obama", True),
        ("some_video.v2.1", "some_video.v2", False),
    ],
)
def test_a_clip_tells_its_speaker(clip_id: str, speaker: str, *, is_seen: bool) -> None:
    assert speaker_of(clip_id) == speaker
    assert is_seen_in_training(speaker) == is_seen
