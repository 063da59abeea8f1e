"""What microphones, rooms and networks do to a voice before the audio encoder hears it.

None of it moves the sound in time by more than a millisecond: the labels stay true.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from model.rates import SAMPLE_RATE

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class AugmentConfig:
    """Probabilities 0..1 and ranges; levels relative to speech at -23 dBFS."""

    room: float = 0.4
    equalizer: float = 0.4
    noise: float = 0.65
    snr_db: tuple[float, float] = (3.0, 35.0)
    gain_db: tuple[float, float] = (-35.0, 14.0)
    clipping: float = 0.08
    dropout: float = 0.1
    dropout_s: tuple[float, float] = (0.02, 0.2)


class Augmenter:
    """Random rooms, tones, noises, levels; all from one generator."""

    def __init__(
        self, rng: np.random.Generator, babble: Sound, config: AugmentConfig | None = None
    ) -> None:
        """`babble`: (samples,) of speech to make the murmur of a crowd from."""
        self._rng = rng
        self._babble = babble
        self._config = config or AugmentConfig()
        self._rooms = [self._room() for _ in range(64)]

    def __call__(self, sound: Sound) -> Sound:
        """The sound (samples,), as a microphone might deliver it."""
        c, rng = self._config, self._rng
        if rng.random() < c.room:
            room = self._rooms[rng.integers(len(self._rooms))]
            sound = fftconvolve(sound, room)[: len(sound)].astype(np.float32)
        if rng.random() < c.equalizer:
            sound = self._equalize(sound)
        if rng.random() < c.noise:
            sound = sound + _at_level(self.noise(len(sound)), -23 - rng.uniform(*c.snr_db))
        return self.capture(sound)

    def capture(self, sound: Sound) -> Sound:
        """Gain, overload, lost packets and 16 bits, as between a microphone and the server."""
        c, rng = self._config, self._rng
        sound = sound * np.float32(10 ** (rng.uniform(*c.gain_db) / 20))
        if rng.random() < c.clipping:
            peak = np.abs(sound).max() * rng.uniform(0.1, 0.6)
            sound = sound.clip(-peak, peak)
        if rng.random() < c.dropout:
            length = int(rng.uniform(*c.dropout_s) * SAMPLE_RATE)
            start = int(rng.integers(max(len(sound) - length, 1)))
            sound = sound.copy()
            sound[start : start + length] = 0
        return np.asarray((sound.clip(-1, 1) * 32767).round() / 32768, np.float32)

    def noise(self, length: int) -> Sound:
        """(length,) of something that is not one person speaking, at any level."""
        kinds = (self._colored, self._hubbub, self._keyboard, self._music, self._hum)
        chosen = self._rng.choice(len(kinds), p=(0.4, 0.2, 0.15, 0.15, 0.1))
        return kinds[int(chosen)](length)

    def _room(self) -> Sound:
        """Direct sound and an exponentially decaying noise tail; reverberation 0.1 to 0.7 s."""
        rng = self._rng
        reverberation_s = rng.uniform(0.1, 0.7)
        times_s = np.arange(int(reverberation_s * SAMPLE_RATE)) / SAMPLE_RATE
        tail = rng.standard_normal(len(times_s)) * np.exp(-6.9 * times_s / reverberation_s)
        tail[: int(rng.uniform(0.001, 0.006) * SAMPLE_RATE)] = 0
        direct_to_tail_db = rng.uniform(-3, 15)
        tail *= 10 ** (-direct_to_tail_db / 20) / np.linalg.norm(tail)
        tail[0] = 1.0
        return tail.astype(np.float32)

    def _equalize(self, sound: Sound) -> Sound:
        rng = self._rng
        if rng.random() < 0.3:  # telephone
            band = (rng.uniform(100, 350), rng.uniform(3000, 3800))
            sections = butter(4, band, "band", fs=SAMPLE_RATE, output="sos")
        elif rng.random() < 0.5:
            sections = butter(4, rng.uniform(3500, 7500), "low", fs=SAMPLE_RATE, output="sos")
        else:
            sections = butter(1, rng.uniform(80, 800), "high", fs=SAMPLE_RATE, output="sos")
        return np.asarray(sosfilt(sections, sound), np.float32)

    def _colored(self, length: int) -> Sound:
        white = self._rng.standard_normal(length)
        pole = self._rng.choice([0.0, 0.7, 0.95, 0.99])
        return np.asarray(lfilter([1.0], [1.0, -pole], white), np.float32)

    def _hubbub(self, length: int) -> Sound:
        starts = self._rng.integers(len(self._babble) - length, size=int(self._rng.integers(4, 9)))
        voices = [self._babble[start : start + length] for start in starts]
        return np.asarray(np.sum(voices, axis=0), np.float32)

    def _keyboard(self, length: int) -> Sound:
        rng = self._rng
        sound = 0.02 * rng.standard_normal(length)
        for start in rng.integers(length, size=int(length / SAMPLE_RATE * rng.uniform(2, 9))):
            click = rng.standard_normal(600) * np.exp(-np.arange(600) / rng.uniform(20, 150))
            end = min(start + 600, length)
            sound[start:end] += click[: end - start] * rng.uniform(0.3, 1)
        return sound.astype(np.float32)

    def _music(self, length: int) -> Sound:
        """Chords of harmonic notes that are struck and fade."""
        rng = self._rng
        times_s = np.arange(length) / SAMPLE_RATE
        sound = np.zeros(length)
        for _ in range(int(length / SAMPLE_RATE * rng.uniform(1, 5)) + 1):
            note_hz = 110 * 2 ** (rng.integers(36) / 12)
            start_s = rng.uniform(-0.5, times_s[-1])
            envelope = np.exp(-(times_s - start_s) * rng.uniform(0.5, 5)) * (times_s > start_s)
            for harmonic in range(1, int(rng.integers(2, 7))):
                wave = np.sin(2 * np.pi * note_hz * harmonic * times_s)
                sound += envelope * wave / harmonic ** rng.uniform(0.8, 2)
        return sound.astype(np.float32)

    def _hum(self, length: int) -> Sound:
        rng = self._rng
        times_s = np.arange(length) / SAMPLE_RATE
        base_hz = rng.choice([50.0, 60.0, rng.uniform(80, 2000)])
        waves = [np.sin(2 * np.pi * base_hz * k * times_s) / k for k in range(1, 4)]
        return np.asarray(np.sum(waves, axis=0), np.float32)


def _at_level(sound: Sound, level_db: float) -> Sound:
    """The sound with an RMS of level_db dBFS."""
    rms = np.sqrt(np.mean(sound**2)) + 1e-9
    return sound * np.float32(10 ** (level_db / 20) / rms)
