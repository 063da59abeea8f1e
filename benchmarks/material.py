"""What the benchmarks are run on: the built-in portrait and synthetic speech."""

import numpy as np
from hibari import SAMPLE_RATE as VOICE_RATE
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.record import ROOT

_TEXT = (
    "The boy was there when the sun rose. A rod is used to catch pink salmon. "
    "The source of the huge river is the clear spring. Kick the ball straight and follow through. "
    "Help the woman get back to her feet. A pot of tea helps to pass the evening. "
    "Smoky fires lack flame and heat. The soft cushion broke the man's fall. "
)


def portrait() -> bytes:
    """Return the default portrait, a JPEG of 512x512."""
    return (ROOT / "client_web" / "portraits" / "astronaut.jpg").read_bytes()


def speech(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """Return Harvard sentences spoken over and over, (samples,), peak 0.5; always the same."""
    voice = Hibari(threads=1)(_TEXT, seed=0)
    spoken = np.asarray(resample_poly(voice, sample_rate, VOICE_RATE), np.float32)
    spoken *= 0.5 / np.abs(spoken).max()
    return np.resize(spoken, round(seconds * sample_rate))
