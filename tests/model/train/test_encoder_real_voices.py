"""Which people the encoder's corpus is made of."""

import csv
from pathlib import Path

import numpy as np
import pytest

from model.rates import SAMPLE_RATE
from model.train import encoder_real_voices
from model.train.encoder_real_voices import real_voices
from model.train.held_out import SEEN_IN_TRAINING, VAL_SPEECH_PREFIXES


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read, in order."""
    names: list[str] = []

    def decode(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        names.append(path.name)
        return np.zeros(2 * SAMPLE_RATE, np.float32)

    monkeypatch.setattr(encoder_real_voices, "decode_audio", decode)
    return names


def write(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    with (folder / name).open("w", newline="") as handle:
        table = csv.DictWriter(handle, rows[0])
        table.writeheader()
        table.writerows(rows)


def clip(speaker: str, split: str) -> dict[str, str]:
    about = {"source": "web", "audio": "1", "licence": "CC0"}
    return {"id": f"{speaker}.{split}", "split": split, "speaker": speaker, **about}


def test_a_file_named_twice_is_one_recording(tmp_path: Path, read: list[str]) -> None:
    write(tmp_path, "clips.csv", [clip("somebody", "train")])
    held_out = f"{VAL_SPEECH_PREFIXES[0]}.opus"
    names = ["talk.opus", "talk.opus", held_out, "song.opus", "talk.opus"]
    write(tmp_path, "speech.csv", [{"file": name, "licence": "MIT"} for name in names])
    splits = [own.split for own in real_voices(tmp_path) if own.source == "speech"]
    assert read == ["somebody.train.mp4", "talk.opus", held_out, "song.opus"]
    assert splits == ["train", "val", "train"]


def test_nobody_validates_whom_training_knows_by_other_files(
    tmp_path: Path, read: list[str]
) -> None:
    seen = next(iter(SEEN_IN_TRAINING))
    write(tmp_path, "clips.csv", [clip(seen, "train"), clip(seen, "val"), clip("other", "val")])
    write(tmp_path, "speech.csv", [{"file": "talk.opus", "licence": "MIT"}])
    assert [own.split for own in real_voices(tmp_path)] == ["train", "val", "train"]
    assert read[:2] == [f"{seen}.train.mp4", "other.val.mp4"]
