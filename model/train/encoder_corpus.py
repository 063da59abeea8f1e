"""Recordings that train the audio encoder: real people and synthetic voices."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from model.rates import SAMPLE_RATE
from model.train.encoder_neural_voices import JoeVoice, KokoroVoices
from model.train.encoder_phones import PhoneSpan
from model.train.encoder_real_voices import real_voices
from model.train.encoder_texts import TEXTS, EnglishSentences, shuffled
from model.train.encoder_voices import (
    FLITE_VOICES,
    EspeakVoice,
    HibariVoice,
    Utterance,
    speak_flite,
)
from model.train.held_out import VAL_FLITE_VOICE, VAL_LANGUAGES
from model.train.recording import Recording


def resized(recording: Recording, factor: float) -> Recording:
    """The recording slowed down by `factor`: pitch, formants and tempo fall together."""
    up = round(factor * 50)
    samples = np.asarray(resample_poly(recording.samples, up, 50), np.float32)
    stretch = up / 50
    spans = recording.spans and [
        PhoneSpan(span.start_s * stretch, span.end_s * stretch, span.phones)
        for span in recording.spans
    ]
    return replace(recording, samples=samples, spans=spans)


def recordings(data_dir: Path, seed: int) -> Iterator[Recording]:
    """All recordings, real ones also at other sizes of mouth, in a fixed order for a seed."""
    rng = np.random.default_rng(seed)
    for recording in real_voices(data_dir):
        if recording.split == "val":
            yield recording
            continue
        if recording.source == "grid_s1":  # 42 minutes of one voice: each clip once, half resized
            keep = rng.random() < 0.5
            yield recording if keep else resized(recording, rng.uniform(0.8, 1.2))
            continue
        yield recording
        yield resized(recording, rng.uniform(0.80, 0.94))
        yield resized(recording, rng.uniform(1.07, 1.25))
    yield from _synthetic(rng)


def _synthetic(
    rng: np.random.Generator,
    hibari_s: float = 1200,
    kokoro_s: float = 1000,
    joe_s: float = 500,
    flite_voice_s: float = 300,
    language_s: float = 120,
) -> Iterator[Recording]:
    """Each voice for about the given seconds."""
    sentences = EnglishSentences(rng)
    hibari = HibariVoice()
    yield from _until(
        hibari_s,
        lambda: hibari.speak(sentences.next(), rng.uniform(0.8, 1.3), int(rng.integers(2**31))),
        Recording(_EMPTY, None, "hibari-tts", "train"),
        rng,
    )
    kokoro = KokoroVoices()
    yield from _until(
        kokoro_s,
        lambda: kokoro.speak(sentences.next(), kokoro.mixed(rng), rng.uniform(0.8, 1.3)),
        Recording(_EMPTY, None, "kokoro", "train"),
        rng,
    )
    yield from _until(
        kokoro_s / 12,
        lambda: kokoro.speak(sentences.next(), kokoro.held_out(), rng.uniform(0.8, 1.3)),
        Recording(_EMPTY, None, "kokoro", "val"),
        rng,
    )
    joe = JoeVoice()
    yield from _until(
        joe_s,
        lambda: Utterance(joe.speak(sentences.next(), rng.uniform(0.8, 1.3)), None),
        Recording(_EMPTY, None, "piper-joe", "train"),
        rng,
    )
    for voice in FLITE_VOICES:
        split = "val" if voice == VAL_FLITE_VOICE else "train"
        yield from _until(
            flite_voice_s / (4 if split == "val" else 1),
            lambda voice=voice: speak_flite(  # type: ignore[misc]
                sentences.next(), voice, rng.uniform(0.8, 1.4), rng.uniform(85, 200)
            ),
            Recording(_EMPTY, None, f"flite-{voice}", split),
            rng,
        )
    espeak = EspeakVoice()
    variants = ["", *(f"+m{i}" for i in range(1, 9)), *(f"+f{i}" for i in range(1, 6))]
    variants += ["+Andy", "+Annie", "+steph", "+michael", "+klatt2", "+klatt4", "+Alicia", "+Lee"]
    for language, text in TEXTS.items():
        split = "val" if language in VAL_LANGUAGES else "train"
        yield from _until(
            language_s / (3 if split == "val" else 1),
            lambda language=language, text=text: espeak.speak(  # type: ignore[misc]
                shuffled(text, rng), language + rng.choice(variants),
                int(rng.integers(110, 210)), int(rng.integers(20, 80)), int(rng.integers(20, 80)),
            ),
            Recording(_EMPTY, None, f"espeak-{language}", split),
            rng,
        )  # fmt: skip


_EMPTY = np.zeros(0, np.float32)


def _until(
    seconds: float, speak: Callable[[], Utterance], about: Recording, rng: np.random.Generator
) -> Iterator[Recording]:
    """Utterances until their sum reaches `seconds`, the training ones as throats of many sizes."""
    spoken_s = 0.0
    while spoken_s < seconds:
        utterance = speak()
        recording = replace(about, samples=utterance.samples, spans=utterance.spans)
        if about.split == "train":
            recording = resized(recording, rng.uniform(0.8, 1.25))
        spoken_s += len(recording.samples) / SAMPLE_RATE
        yield recording
