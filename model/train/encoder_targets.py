"""What the audio encoder learns to say of each recording, every 20 ms, packed into one file."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from silero_vad import get_speech_timestamps, load_silero_vad

from model.rates import SAMPLE_RATE
from model.train.encoder_phones import PHONES, SILENCE, UNKNOWN, frame_labels
from model.train.encoder_teacher import FRAME_SAMPLES, PhonemeTeacher
from model.train.recording import Recording, decode_audio
from model.train.speech_edges import at_bursts

HIDDEN_TARGET_DIM = 96
"""Principal components of the teacher's hidden layers."""

SPEECH_LEVEL_DB = -23.0
"""RMS of the spoken parts that every recording is brought to before the teacher hears it."""

_FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
_TAUGHT_BLOCKS = slice(1, 4)  # the first block's output is little more than the spectrum
_BLOCK_WIDTH = 144
_SILENT_DB = -45.0  # relative to the speech level
_SILENT_FRAMES = 3
_PITCH_RANGE_HZ = (60.0, 450.0)
_PITCH_CENTER_HZ = 150.0


@dataclass(frozen=True)
class Targets:
    """Per 20 ms frame i, centred on sample i * 320.

    hidden: (frames, 432) of the teacher, or later its (frames, HIDDEN_TARGET_DIM) components.
    log_probs: (frames, tokens) of the teacher. phones: (frames,) index into PHONES or UNKNOWN.
    speech: (frames,) 1 speech, 0 none, UNKNOWN. acoustics: (frames, 3) level relative to the
    speaker's in units of 20 dB, voicing 0..1, pitch in octaves above 150 Hz (0 if unvoiced).
    """

    hidden: NDArray[np.float16]
    log_probs: NDArray[np.float16]
    phones: NDArray[np.uint8]
    speech: NDArray[np.uint8]
    acoustics: NDArray[np.float16]


def frame_levels_db(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames,) RMS in dBFS of the 32 ms around each target frame."""
    frames = len(samples) // FRAME_SAMPLES + 1
    padded = np.pad(samples.astype(np.float64), (256, 256 + FRAME_SAMPLES))
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    starts = np.arange(frames) * FRAME_SAMPLES
    power = (energy[starts + 512] - energy[starts]) / 512
    return np.asarray(10 * np.log10(power + 1e-10), np.float32)


def to_speech_level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The recording with its louder frames at SPEECH_LEVEL_DB; digital silence stays."""
    levels = frame_levels_db(samples)
    active = levels[levels > levels.max() - 25]
    gain_db = SPEECH_LEVEL_DB - 10 * np.log10(np.mean(10 ** (active / 10)))
    return samples * np.float32(10 ** (np.clip(gain_db, -60, 60) / 20))


def pitch(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Voicing 0..1 and pitch in Hz, (frames,) each, by normalized autocorrelation of 50 ms."""
    window = 800
    frames = len(samples) // FRAME_SAMPLES + 1
    padded = np.pad(samples, (window // 2, window // 2 + FRAME_SAMPLES))
    index = np.arange(frames)[:, None] * FRAME_SAMPLES + np.arange(window)
    pieces = padded[index] * np.hanning(window).astype(np.float32)
    spectrum = np.fft.rfft(pieces, 2048)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :window]
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), 2048)) ** 2)[:window]
    normalized = correlation / (correlation[:, :1] + 1e-6) * (taper[0] / np.maximum(taper, 1e-3))
    low, high = (int(SAMPLE_RATE / hz) for hz in reversed(_PITCH_RANGE_HZ))
    lags = normalized[:, low:high]
    # The shortest lag that is nearly as good: an octave below fits as well.
    best = (lags > 0.9 * lags.max(1, keepdims=True)).argmax(1)
    voicing = np.clip((lags[np.arange(frames), best] - 0.3) / 0.5, 0, 1)
    return voicing.astype(np.float32), (SAMPLE_RATE / (best + low)).astype(np.float32)


class Judge:
    """Derives Targets: the teacher's layers, phones where they are known, silence everywhere."""

    def __init__(self) -> None:
        self.teacher = PhonemeTeacher()
        self._vad = load_silero_vad()

    def __call__(self, recording: Recording) -> Targets:
        """Targets of a recording at SPEECH_LEVEL_DB."""
        samples = recording.samples
        judgement = self.teacher(samples)
        frames = len(judgement.log_probs)
        levels = frame_levels_db(samples)[:frames] - SPEECH_LEVEL_DB
        voicing, pitch_hz = (track[:frames] for track in pitch(samples))
        voicing = voicing * (levels > -35)
        octaves = np.log2(pitch_hz / _PITCH_CENTER_HZ) * (voicing > 0.5)
        if recording.spans is not None:
            phones = frame_labels(recording.spans, frames, _FRAME_S)
            speech = np.where(phones == UNKNOWN, UNKNOWN, phones != PHONES.index(SILENCE))
        else:
            phones = np.full(frames, UNKNOWN, np.uint8)
            speech = self._speech(samples, frames)
        phones[speech == 0] = PHONES.index(SILENCE)
        silent = _runs(levels < _SILENT_DB, _SILENT_FRAMES)
        phones[silent] = PHONES.index(SILENCE)
        speech[silent] = 0
        phones = at_bursts(phones, samples)
        hidden = judgement.hidden[:, _TAUGHT_BLOCKS.start * _BLOCK_WIDTH :]
        acoustics = np.stack([np.clip(levels / 20, -3, 1), voicing, octaves], 1)
        return Targets(
            hidden.astype(np.float16),
            judgement.log_probs.astype(np.float16),
            phones,
            speech.astype(np.uint8),
            acoustics.astype(np.float16),
        )

    def _speech(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.uint8]:
        """1 where silero-vad hears speech, 0 from 0.2 s away from any on, else UNKNOWN."""
        speech = np.zeros(frames, np.uint8)
        stamps = get_speech_timestamps(
            torch.from_numpy(samples), self._vad, min_silence_duration_ms=300
        )
        margin = round(0.2 / _FRAME_S)
        for stamp in stamps:
            first, last = stamp["start"] // FRAME_SAMPLES, stamp["end"] // FRAME_SAMPLES
            edge = slice(max(first - margin, 0), last + margin)
            speech[edge] = np.where(speech[edge] == 1, 1, UNKNOWN)
            speech[first + 2 : max(last - 1, 0)] = 1
        return speech


def _runs(flags: NDArray[np.bool_], at_least: int) -> NDArray[np.bool_]:
    """The flags that are set in runs of at least that many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    kept = np.zeros_like(flags)
    for first, last in edges.reshape(-1, 2):
        kept[first:last] = last - first >= at_least
    return kept


def through_opus(samples: NDArray[np.float32], bit_rate: int) -> NDArray[np.float32]:
    """(samples,) after an Opus encoder and decoder at `bit_rate` bits a second."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    decoded = decode_audio(buffer)[: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def pack(recordings: Iterable[Recording], path: Path, seed: int, opus_share: float = 0.3) -> None:
    """Judges all recordings and writes them, with Opus copies of a share, as one .npz."""
    rng = np.random.default_rng(seed)
    judge = Judge()
    judged: list[tuple[Recording, Targets]] = []
    minutes: Counter[str] = Counter()
    for recording in recordings:
        leveled = replace(recording, samples=to_speech_level(recording.samples))
        judged.append((leveled, judge(leveled)))
        minutes[f"{recording.split} {recording.source}"] += len(recording.samples)
        if len(judged) % 200 == 0:
            total_min = sum(minutes.values()) / SAMPLE_RATE / 60
            print(f"{len(judged)} recordings, {total_min:.0f} min", flush=True)
    for name, count in sorted(minutes.items()):
        print(f"{name}: {count / SAMPLE_RATE / 60:.1f} min")
    mean, basis = _principal([t.hidden for r, t in judged if r.split == "train"])
    arrays: dict[str, list[NDArray[np.generic]]] = {
        name: [] for name in ("pcm", "hidden", "log_probs", "phones", "speech", "acoustics")
    }
    for recording, targets in judged:
        samples = recording.samples
        if recording.split == "train" and rng.random() < opus_share:
            samples = through_opus(samples, int(rng.choice([8000, 12000, 16000, 24000, 32000])))
        # int16 with 10 dB of headroom: peaks of quiet speakers reach beyond full scale
        arrays["pcm"].append((samples * 10**-0.5 * 32767).clip(-32767, 32767).astype(np.int16))
        hidden = (targets.hidden.astype(np.float32) - mean) @ basis
        arrays["hidden"].append(hidden.astype(np.float16))
        for name in ("log_probs", "phones", "speech", "acoustics"):
            arrays[name].append(getattr(targets, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        **{name: np.concatenate(pieces) for name, pieces in arrays.items()},  # type: ignore[arg-type]
        sample_counts=np.array([len(pcm) for pcm in arrays["pcm"]]),
        frame_counts=np.array([len(phones) for phones in arrays["phones"]]),
        sources=np.array([recording.source for recording, _ in judged]),
        splits=np.array([recording.split for recording, _ in judged]),
        tokens=np.array(judge.teacher.tokens),
        basis=basis,
        mean=mean,
    )


def _principal(
    hidden: list[NDArray[np.float16]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and (432, HIDDEN_TARGET_DIM) basis whose components have the variance's fourth root.

    Full whitening would make the network spend itself on noise, none on the first few components.
    """
    rows = np.concatenate(hidden).astype(np.float32)
    mean = rows.mean(0)
    values, vectors = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
    top = np.argsort(values)[::-1][:HIDDEN_TARGET_DIM]
    scale = values[top] ** -0.25
    variance = (values[top] * scale**2).mean()
    basis = vectors[:, top] * scale / np.sqrt(variance)
    return mean.astype(np.float32), basis.astype(np.float32)
