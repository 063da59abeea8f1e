"""Recorded speech: a piece of sound, what is known of it, and how to read it from a file."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from model.rates import SAMPLE_RATE
from model.train.encoder_phones import PhoneSpan


@dataclass(frozen=True)
class Recording:
    """One piece of sound at 16 kHz.

    samples: (samples,) float32 in -1..1. spans: its phones, or None if nobody knows them.
    source: the corpus or voice it comes from; split: "train" or "val".
    """

    samples: NDArray[np.float32]
    spans: list[PhoneSpan] | None
    source: str
    split: str


def decode_audio(file: Path | BytesIO) -> NDArray[np.float32]:
    """(samples,) of a media file at 16 kHz mono; raises av.FFmpegError if it cannot be read."""
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    pieces = []
    with av.open(file, "r") as container:
        for frame in container.decode(audio=0):
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(pieces)
