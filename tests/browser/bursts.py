"""Speech that is easy to find again: single words, each after a silence of another length."""

import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from hibari import SAMPLE_RATE as VOICE_RATE
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

SAMPLE_RATE = 48_000
# Each begins with a voiced plosive of the lips: they part, and the sound is loud at once. After a
# /p/ the voice comes 50 ms later than its faint breath: where such a word starts is a matter of
# the threshold, not of the picture.
WORDS = ("Bob.", "Bye.", "Bar.", "Bus.", "Boy.", "Bag.")
_PEAK = 0.5
_EDGE = 0.02  # of the peak: what is quieter at a word's ends is cut away


@dataclass(frozen=True)
class Burst:
    """A word's place in the file, in seconds."""

    start_s: float
    end_s: float


@cache
def _words() -> tuple[NDArray[np.float32], ...]:
    voice = Hibari(threads=1)
    spoken = []
    for word in WORDS:
        sound = np.asarray(resample_poly(voice(word, seed=0), SAMPLE_RATE, VOICE_RATE), np.float32)
        sound *= _PEAK / np.abs(sound).max()
        loud = np.flatnonzero(np.abs(sound) > _EDGE * _PEAK)
        spoken.append(sound[loud[0] : loud[-1] + 1])
    return tuple(spoken)


def speech_bursts(
    count: int, *, shortest_silence_s: float = 1.5, longest_silence_s: float = 2.5, seed: int = 0
) -> tuple[NDArray[np.float32], tuple[Burst, ...]]:
    """Return `count` words, (samples,) at 48 kHz, and where they are; always the same.

    The silences differ, so that no word can be taken for its neighbour, and are no multiples of
    a frame, so that the words fall anywhere between two pictures.
    """
    silences_s = np.random.default_rng(seed).uniform(shortest_silence_s, longest_silence_s, count)
    parts: list[NDArray[np.float32]] = []
    bursts: list[Burst] = []
    samples = 0
    for index, silence_s in enumerate(silences_s):
        silence = np.zeros(round(silence_s * SAMPLE_RATE), np.float32)
        word = _words()[index % len(WORDS)]
        start = samples + len(silence)
        samples = start + len(word)
        bursts.append(Burst(start / SAMPLE_RATE, samples / SAMPLE_RATE))
        parts += [silence, word]
    return np.concatenate(parts), tuple(bursts)


def write_wav(path: Path, sound: NDArray[np.float32]) -> None:
    """Write `sound`, (samples,) at 48 kHz in -1..1, as 16-bit mono."""
    pcm = np.round(sound * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm.tobytes())
