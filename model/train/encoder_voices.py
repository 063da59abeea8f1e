"""Synthetic speech with phone timings, for training the audio encoder.

hibari-tts (Apache-2.0), flite (CMU, BSD-like) and espeak-ng (GPL-3.0; only its sound is used).
"""

# ruff: noqa: RUF001 - IPA marks are meant

import ctypes
import re
import subprocess
import tempfile
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import onnxruntime
from hibari import Hibari
from hibari.tts import SAMPLE_RATE as HIBARI_SAMPLE_RATE
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import resample_poly

from model.rates import SAMPLE_RATE
from model.train.encoder_phones import PhoneSpan, fold_arpabet, fold_ipa

_STRESS = ("ˈ", "ˌ")
_PAUSES = ("", " ", ",", ".", ";", ":", "!", "?", "—", "…")
_SHORTEST_PAUSE_S = 0.1

FLITE_VOICES = ("rms", "slt", "awb", "kal16")


@dataclass(frozen=True)
class Utterance:
    """Speech at 16 kHz, (samples,) float32 in -1..1, and its phones, None if nobody knows them."""

    samples: NDArray[np.float32]
    spans: list[PhoneSpan] | None


def to_model_rate(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Resamples (samples,) to 16 kHz with a polyphase filter."""
    common = gcd(sample_rate, SAMPLE_RATE)
    resampled = resample_poly(samples, SAMPLE_RATE // common, sample_rate // common)
    return np.asarray(resampled, np.float32)


class HibariVoice:
    """hibari's one embedded voice; the phone durations are read from inside its graph."""

    _DURATIONS = "/Clip_output_0"
    _DURATION_S = 0.025
    _OFFSET_STEPS = 2  # the decoder trails its duration steps by this many

    def __init__(self) -> None:
        self._tts = Hibari()
        model = Path(self._tts.model_path).read_bytes() + extra_output(self._DURATIONS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options)
        self._symbols = {index: symbol for symbol, index in self._tts.vocab.items()}

    def speak(self, text: str, speed: float, seed: int) -> Utterance:
        """Speaks text; speed 0.5 (slow) to 2 (fast)."""
        pieces: list[NDArray[np.float32]] = []
        spans: list[PhoneSpan] = []
        start_s = 0.0
        for phonemes in self._tts.phonemize(text):
            ids = self._tts.ids(phonemes)
            feeds = {"ids": np.asarray([ids]), "speed": np.asarray([speed], np.float32)}
            (durations,) = self._session.run([self._DURATIONS], feeds)
            ends = (np.cumsum(np.ravel(durations)) - self._OFFSET_STEPS) * self._DURATION_S
            spans += styled_spans([self._symbols.get(i, "") for i in ids], ends, start_s)
            voice = self._tts.from_ids(ids, speed, np.random.default_rng(seed))
            sound = to_model_rate(voice, HIBARI_SAMPLE_RATE)
            pieces.append(sound)
            start_s += len(sound) / SAMPLE_RATE
        return Utterance(np.concatenate(pieces), spans)


def styled_spans(
    symbols: list[str], ends_s: NDArray[np.float64], start_s: float
) -> list[PhoneSpan]:
    """Spans of a sentence in misaki's alphabet; a stress mark's time is that of the vowel after it.

    A short gap between words is left unlabelled: it may be a pause or a closure.
    """
    spans: list[PhoneSpan] = []
    previous = 0.0
    for symbol, end in zip(symbols, ends_s, strict=True):
        if symbol in _STRESS:
            continue
        phones = fold_ipa(symbol)
        is_pause = symbol in _PAUSES and end - previous >= _SHORTEST_PAUSE_S
        if symbol == "ː" and spans:
            spans[-1] = spans[-1]._replace(end_s=start_s + float(end))
        elif (phones or is_pause) and end > previous:
            spans.append(PhoneSpan(start_s + previous, start_s + float(end), phones))
        previous = max(float(end), 0.0)
    return spans


def extra_output(name: str) -> bytes:
    """Protobuf bytes that, appended to an ONNX model, add a graph output (messages merge)."""

    def field(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    return field(7, field(12, field(1, name.encode())))  # ModelProto.graph.output.name


def speak_flite(text: str, voice: str, duration_stretch: float, pitch_hz: float) -> Utterance:
    """Speaks English text with one of FLITE_VOICES.

    Raises subprocess.CalledProcessError if flite fails.
    """
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        command = [
            "flite", "-voice", voice, "-psdur",
            "--setf", f"duration_stretch={duration_stretch:.3f}",
            "--setf", f"int_f0_target_mean={pitch_hz:.0f}",
            "-t", text, "-o", wav.name,
        ]  # fmt: skip
        timings = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        sample_rate, pcm = wavfile.read(wav.name)
    spans = []
    start_s = 0.0
    for name, end in re.findall(r"(\S+):([\d.]+)", timings):
        spans.append(PhoneSpan(start_s, float(end), fold_arpabet(name)))
        start_s = float(end)
    return Utterance(to_model_rate(pcm.astype(np.float32) / 32768, sample_rate), spans)


class _EspeakEvent(ctypes.Structure):
    """espeak_EVENT of speak_lib.h, with the id union as its 8-byte string."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


class EspeakVoice:
    """espeak-ng through its C library, the only interface that reports phone times.

    Make one per process: the library keeps its state in globals.
    """

    _SYNCHRONOUS, _PHONE_EVENTS_IN_IPA, _UTF8 = 2, 3, 1
    _PHONEME_EVENT, _LAST_EVENT = 7, 0
    _RATE, _PITCH, _RANGE = 1, 3, 4
    # Against filmed people's (`model.train.lips_lag`) it tells the times of its phones late.
    _LATE_S = 0.02

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._sample_rate = self._library.espeak_Initialize(
            self._SYNCHRONOUS, 200, None, self._PHONE_EVENTS_IN_IPA
        )
        if self._sample_rate <= 0:
            raise RuntimeError("espeak_Initialize failed: install espeak-ng and its data")
        self._pcm: list[NDArray[np.int16]] = []
        self._marks: list[tuple[float, str]] = []
        callback_type = ctypes.CFUNCTYPE(
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_short),
            ctypes.c_int,
            ctypes.POINTER(_EspeakEvent),
        )
        self._callback = callback_type(self._on_sound)
        self._library.espeak_SetSynthCallback(self._callback)

    def _on_sound(self, pcm: object, count: int, events: object) -> int:
        if pcm and count > 0:
            self._pcm.append(np.ctypeslib.as_array(pcm, (count,)).copy())
        index = 0
        while (event := events[index]).type != self._LAST_EVENT:  # type: ignore[index]
            if event.type == self._PHONEME_EVENT:
                symbol = event.string.decode(errors="ignore")
                self._marks.append(
                    (max(event.audio_position_ms / 1000 - self._LATE_S, 0.0), symbol)
                )
            index += 1
        return 0

    def speak(
        self, text: str, voice: str, words_per_minute: int, pitch: int, pitch_range: int
    ) -> Utterance:
        """Speaks text with a voice such as "de+f2"; pitch and pitch_range 0..100.

        Raises ValueError for a voice that espeak-ng does not have.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}: see `espeak-ng --voices`")
        for parameter, value in (
            (self._RATE, words_per_minute), (self._PITCH, pitch), (self._RANGE, pitch_range),
        ):  # fmt: skip
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pcm, self._marks = [], []
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, self._UTF8, None, None)
        self._library.espeak_Synchronize()
        pcm = np.asarray(np.concatenate(self._pcm) / 32768, np.float32)
        ends = [start for start, _ in self._marks[1:]] + [len(pcm) / self._sample_rate]
        spans = [PhoneSpan(0.0, self._marks[0][0], ())] if self._marks else []
        for (start, symbol), end in zip(self._marks, ends, strict=True):
            phones = fold_ipa(symbol)
            if end > start and (phones or not symbol):
                spans.append(PhoneSpan(start, end, phones))
        return Utterance(to_model_rate(pcm, self._sample_rate), spans)
