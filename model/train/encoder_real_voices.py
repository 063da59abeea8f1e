"""Recordings of people that train the audio encoder."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.rates import SAMPLE_RATE
from model.train.encoder_phones import PhoneSpan
from model.train.grid_aligner import GridAligner
from model.train.held_out import SEEN_IN_TRAINING, VAL_SPEECH_PREFIXES
from model.train.recording import Recording, decode_audio

MAX_PIECE_S = 15.0


def real_voices(data_dir: Path) -> Iterator[Recording]:
    """The sound of clips, the speech set and the captured speaker, in pieces."""
    aligner = GridAligner()
    with (data_dir / "clips.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if row["audio"] != "1":
                continue
            if row["split"] == "val" and row["speaker"] in SEEN_IN_TRAINING:
                continue
            samples = decode_audio(data_dir / "clips" / f"{row['id']}.mp4")
            spans = aligner.align(samples, row["id"]) if row["source"].startswith("grid") else None
            yield from _pieces(samples, spans, row["source"], row["split"])
    with (data_dir / "speech.csv").open(encoding="utf-8") as table:
        # Some files are named in several rows.
        files = dict.fromkeys(row["file"] for row in csv.DictReader(table))
    for file in files:
        split = "val" if file.startswith(VAL_SPEECH_PREFIXES) else "train"
        samples = decode_audio(data_dir / "speech" / file)
        yield from _pieces(samples, None, "speech", split)
    for path in sorted((data_dir / "mocap").glob("*.flac")):
        yield from _pieces(decode_audio(path), None, "facegood", "train")


def _pieces(
    samples: NDArray[np.float32],
    spans: list[PhoneSpan] | None,
    source: str,
    split: str,
) -> Iterator[Recording]:
    """Equal pieces of at most MAX_PIECE_S; the teacher's attention is quadratic in length."""
    count = int(np.ceil(len(samples) / (MAX_PIECE_S * SAMPLE_RATE)))
    for piece in np.array_split(samples, count):
        if len(piece) > SAMPLE_RATE:
            yield Recording(piece, spans if count == 1 else None, source, split)
