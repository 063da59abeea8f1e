"""Let other voices say what the clips say: `python -m model.train other_voices DATA RUNS`.

One man speaks most of the clips whose words are known. Synthetic voices speak the same sentences,
both are aligned phone by phone, and so the mouth regressor hears every voice while it sees him.
Writes `RUNS/voices/<clip id>.npz`: `sound_0`, `sound_1`, ... (samples,) float16 at 16 kHz and
`times_0`, ... (frames,), which moment of the sound, in seconds, is each video frame's.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.rates import SAMPLE_RATE
from model.train.alignment import anchors, frame_times
from model.train.encoder_neural_voices import JoeVoice, KokoroVoices
from model.train.encoder_voices import EspeakVoice, HibariVoice, speak_flite
from model.train.grid_aligner import GridAligner, sentence
from model.train.motion_data import usable_clips
from model.train.recording import decode_audio

VOICES_PER_CLIP = 2
_SILENCE_S = 1.0

Sound = NDArray[np.float32]


class OtherVoices:
    """Random voices that speak English sentences."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._hibari, self._kokoro = HibariVoice(), KokoroVoices()
        self._joe, self._espeak = JoeVoice(), EspeakVoice()
        self._kinds: tuple[tuple[float, Callable[[str], Sound]], ...] = (
            (0.30, self._say_hibari),
            (0.13, self._say_kokoro),
            (0.22, self._say_joe),
            (0.25, self._say_flite),
            (0.10, self._say_espeak),
        )

    def say(self, text: str) -> Sound:
        """The text, (samples,) at 16 kHz, with silence before and after it."""
        shares = [share for share, _ in self._kinds]
        _, speak = self._kinds[int(self._rng.choice(len(shares), p=shares))]
        silence = np.zeros(round(_SILENCE_S * SAMPLE_RATE), np.float32)
        return np.concatenate([silence, speak(text), silence])

    def _say_hibari(self, text: str) -> Sound:
        speed = float(self._rng.uniform(1.0, 1.5))
        return self._hibari.speak(text, speed, int(self._rng.integers(2**31))).samples

    def _say_kokoro(self, text: str) -> Sound:
        styles = self._kokoro.mixed(self._rng)
        return self._kokoro.speak(text, styles, float(self._rng.uniform(1.0, 1.5))).samples

    def _say_joe(self, text: str) -> Sound:
        return self._joe.speak(text, float(self._rng.uniform(0.7, 1.0)))

    def _say_flite(self, text: str) -> Sound:
        voice = str(self._rng.choice(["rms", "slt", "kal16"]))
        pitch_hz = float(self._rng.uniform(85, 200))
        return speak_flite(text, voice, float(self._rng.uniform(0.7, 1.0)), pitch_hz).samples

    def _say_espeak(self, text: str) -> Sound:
        voice = str(self._rng.choice(["en-us", "en"]))
        voice += str(self._rng.choice(["", "+m3", "+m7", "+f2", "+f4"]))
        speed, pitch = int(self._rng.integers(160, 230)), int(self._rng.integers(30, 70))
        return self._espeak.speak(text, voice, speed, pitch, 50).samples


def main() -> None:
    """Speak every `train` sentence in VOICES_PER_CLIP voices; what is there already is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    out = args.runs / "voices"
    out.mkdir(parents=True, exist_ok=True)
    voices, aligner = OtherVoices(np.random.default_rng(args.seed)), GridAligner()
    spoken = failed = 0
    for row in usable_clips(args.data / "clips.csv", "train"):
        words, path = sentence(row["id"]), out / f"{row['id']}.npz"
        if words is None or path.exists():
            continue
        real = aligner.align_words(decode_audio(args.data / "clips" / f"{row['id']}.mp4"), words)
        arrays: dict[str, NDArray[np.generic]] = {}
        for _ in range(VOICES_PER_CLIP):
            sound = voices.say(" ".join(words).capitalize() + ".")
            other = aligner.align_words(sound, words)
            found = None if real is None or other is None else anchors(real, other)
            if found is None:
                failed += 1
                continue
            number = len(arrays) // 2
            arrays[f"sound_{number}"] = sound.astype(np.float16)
            arrays[f"times_{number}"] = frame_times(int(row["frames"]), *found)
        spoken += len(arrays) // 2
        if arrays:
            np.savez(path, **arrays)  # type: ignore[arg-type]
        if (spoken + failed) % 300 < VOICES_PER_CLIP:
            print(f"{spoken} sentences spoken, {failed} did not align", flush=True)


if __name__ == "__main__":
    main()
