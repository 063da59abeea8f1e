"""Sounds, and a microphone that has heard them."""

import numpy as np
from numpy.typing import NDArray

from streaming.microphone import Microphone
from tests.streaming.world import noise

CAPACITY = 48_000


def mono(samples: int, seed: int = 0) -> NDArray[np.int16]:
    return noise(samples, seed)[:, 0]


def tone(samples: int) -> NDArray[np.int16]:
    """A sine of 250 Hz: 192 samples a period, 5 periods a packet."""
    sine = 10_000 * np.sin(2 * np.pi * np.arange(samples) / 192)
    pcm: NDArray[np.int16] = np.rint(sine).astype(np.int16)
    return pcm


def having_heard(pcm: NDArray[np.int16], *lost: int) -> Microphone:
    """A microphone that has heard `pcm` (samples,) in packets, but for those that were lost."""
    microphone = Microphone(CAPACITY)
    for index, first in enumerate(range(0, len(pcm), 960)):
        if index not in lost:
            microphone.push(pcm[first : first + 960], 48_000, first, 0)
    return microphone


def steepest(pcm: NDArray[np.int16]) -> int:
    return int(np.abs(np.diff(pcm.astype(int))).max())
