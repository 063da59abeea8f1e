"""What mouths do to a sound: lessons for the audio encoder and the mouth regressor together.

The encoder learns phones from its corpus; what it leaves out of its features no regression finds
again. So in the end both learn from the same mouths: the sound, changed anew each time, goes
through the encoder, its features through the regressor, and the error of the lips back to both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from model.features.encoder import SUBFRAMES
from model.motion.mouth_regressor import MouthRegressor
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_augment import Augmenter
from model.train.encoder_batches import PCM_SCALE
from model.train.motion_data import CAPTURED, GRID_SHARE, SPOKEN, SPOKEN_SHARE, usable_clips
from model.train.motion_features import PITCH_RANGE, at_other_pitch
from model.train.mouth_trainer import MouthLoss
from model.train.recording import decode_audio

_ROW_SAMPLES = SAMPLES_PER_FRAME // SUBFRAMES
_IDLE, _OTHER_PITCH, _OTHER_VOICE = 0.08, 0.6, 0.5
_TEMPO_RANGE = (0.85, 1.2)
_BABBLE_S = 60


@dataclass(frozen=True)
class Voice:
    """Sound (samples,) int16 of a mouth, and which 20 ms of it each of its frames shows (L,)."""

    pcm: NDArray[np.int16]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Said:
    """A mouth (L, K) and the voices that say the same; the first one is its own."""

    mouth: NDArray[np.float32]
    voices: list[Voice]
    share: float


@dataclass(frozen=True)
class LipsBatch:
    """Crops of sound (B, n * 640) and what the mouth does in them.

    rows: (B, L, SUBFRAMES) which rows of 20 ms each frame shows. mouth: (B, L, K). known: (B, L)
    whether the frame's sound is in the crop.
    """

    samples: Tensor
    rows: Tensor
    mouth: Tensor
    known: Tensor


def read_mouths(data: Path, runs: Path, space: MotionSpace) -> list[Said]:
    """All mouths of the `train` split: filmed, captured, and given to voices."""
    said: dict[str, list[tuple[NDArray[np.float32], list[Voice]]]] = {}
    for row in usable_clips(data / "clips.csv", "train"):
        path = runs / "motion" / f"{row['id']}.npz"
        if not path.exists():
            continue
        with np.load(path) as tracked:
            mouth, valid = tracked["motion"][:, space.mouth], tracked["valid"].all()
        if not valid or len(mouth) < FPS:
            continue
        # Lips that come `lead` frames before their sound belong to sound that comes later.
        rows = SUBFRAMES * (np.arange(len(mouth)) + int(row["lips_lead_frames"]))
        own = Voice(_pcm(decode_audio(data / "clips" / f"{row['id']}.mp4")), rows)
        voices = [own, *_other_voices(runs / "voices" / f"{row['id']}.npz", len(mouth), row)]
        kind = "grid-s1" if row["speaker"] == "grid-s1" else "people"
        said.setdefault(kind, []).append((np.clip(mouth, -5, 5), voices))
    for folder, kind in ((SPOKEN, SPOKEN), (CAPTURED, "people")):
        for path in sorted((runs / folder).glob("*.npz")):
            with np.load(path) as arrays:
                mouth, pcm = np.clip(arrays["mouth"], -5, 5), _from_corpus(arrays["sound"])
            if len(mouth) >= FPS:
                voice = Voice(pcm, SUBFRAMES * np.arange(len(mouth)))
                said.setdefault(kind, []).append((mouth, [voice]))
    shares = {
        "grid-s1": GRID_SHARE,
        SPOKEN: SPOKEN_SHARE,
        "people": 1 - GRID_SHARE - SPOKEN_SHARE,
    }
    frames = {kind: sum(len(mouth) for mouth, _ in own) for kind, own in said.items()}
    return [
        Said(mouth.astype(np.float32), voices, shares[kind] * len(mouth) / frames[kind])
        for kind, own in said.items()
        for mouth, voices in own
    ]


def _other_voices(path: Path, frames: int, row: dict[str, str]) -> list[Voice]:
    """Readings of a clip by others (`model.train.other_voices`), if there are any."""
    if not path.exists() or row["lips_lead_frames"] != "0":
        return []
    with np.load(path) as arrays:
        return [
            Voice(
                _pcm(arrays[f"sound_{i}"].astype(np.float32)),
                np.rint(arrays[f"times_{i}"][:frames] * FPS * SUBFRAMES).astype(np.int64),
            )
            for i in range(len(arrays) // 2)
            if len(arrays[f"times_{i}"]) >= frames
        ]


def _pcm(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    return (sound.clip(-1, 1) * 32767).round().astype(np.int16)


def _from_corpus(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    return _pcm((pcm * PCM_SCALE).astype(np.float32))


class LipsBatches(IterableDataset[LipsBatch]):
    """Endless random batches of `crop_frames` video frames of sound."""

    def __init__(self, said: list[Said], batch_size: int, crop_frames: int, seed: int) -> None:
        self._said = said
        self._batch_size, self._crop_frames = batch_size, crop_frames
        self._rng = np.random.default_rng(seed)
        shares = np.array([one.share for one in said])
        self._shares = shares / shares.sum()
        talk = [_float(one.voices[0].pcm) for one in said[:: max(len(said) // 100, 1)]]
        self._augment = Augmenter(self._rng, np.concatenate(talk)[: _BABBLE_S * SAMPLE_RATE])

    def __iter__(self) -> Iterator[LipsBatch]:
        """Batches without end."""
        while True:
            crops = [self._crop() for _ in range(self._batch_size)]
            columns = zip(*crops, strict=True)
            yield LipsBatch(*(torch.from_numpy(np.stack(column)) for column in columns))

    def _crop(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        rng, frames = self._rng, self._crop_frames
        length = frames * SAMPLES_PER_FRAME
        one = self._said[int(rng.choice(len(self._said), p=self._shares))]
        mouth = np.zeros((frames, one.mouth.shape[1]), np.float32)
        if rng.random() < _IDLE:
            noise = self._augment.noise(length) * np.float32(rng.choice([0.0, 0.02, 0.1]))
            rows = SUBFRAMES * np.arange(frames)
            return (
                self._augment.capture(noise.astype(np.float32)),
                _both(rows, SUBFRAMES * frames),
                mouth,
                np.ones(frames, np.bool_),
            )
        other = len(one.voices) > 1 and rng.random() < _OTHER_VOICE
        voice = one.voices[int(rng.integers(1, len(one.voices))) if other else 0]
        changes = rng.random() < _OTHER_PITCH
        pitch, tempo = (
            (rng.uniform(*PITCH_RANGE), rng.uniform(*_TEMPO_RANGE)) if changes else (1.0, 1.0)
        )
        start = int(rng.integers(max(len(one.mouth) - frames // 2, 1)))
        at = start + float(tempo) * np.arange(frames, dtype=np.float64)
        at = at[at <= len(one.mouth) - 1]
        mouth[: len(at)] = _between(one.mouth, at)
        first = max(int(voice.rows[start]), 0)
        rows = np.full(frames, -1)
        rows[: len(at)] = np.rint((_between(voice.rows[:, None], at)[:, 0] - first) / tempo)
        heard = _float(voice.pcm[first * _ROW_SAMPLES :][: round(length * tempo)])
        if changes:
            heard = at_other_pitch(heard, float(pitch), float(tempo))
        sound = np.pad(heard[:length], (0, max(length - len(heard), 0)))
        seen = (rows >= 0) & (rows * _ROW_SAMPLES < len(heard))
        return self._augment(sound), _both(rows, SUBFRAMES * frames), mouth, seen


def _between(
    values: NDArray[np.float32] | NDArray[np.int64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values (L, ...) at fractional places (n,), linearly."""
    before = at.astype(np.int64)
    after = np.minimum(before + 1, len(values) - 1)
    share = (at - before)[:, None]
    mixed: NDArray[np.float64] = values[before] * (1 - share) + values[after] * share
    return mixed


def _float(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.asarray(pcm / 32767, np.float32)


def _both(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Each frame's two rows (L, 2): where it begins and halfway to the next frame."""
    following = np.append(rows[1:], rows[-1] + SUBFRAMES)
    halfway = np.where(following > rows, np.rint((rows + following) / 2 + 0.01), rows + 1)
    return np.stack([rows, halfway.astype(np.int64)], axis=1).clip(0, most - 1)


class LipsHead(nn.Module):
    """The mouth regressor on the encoder's rows, and how wrong it is."""

    def __init__(self, regressor: MouthRegressor, num_audio_frames: int, space: MotionSpace):
        super().__init__()
        self.regressor = regressor
        self._num_audio_frames = num_audio_frames
        self._loss = MouthLoss(space)

    def loss(self, rows: Tensor, batch: LipsBatch, delay_rows: int) -> Tensor:
        """Of rows (B, 2n, D), row i of which is about row i - delay_rows."""
        told = rows[:, delay_rows:]
        late = batch.rows >= told.shape[1]
        index = batch.rows.clamp(max=told.shape[1] - 1).flatten(1)
        features = told.gather(1, index[..., None].expand(-1, -1, told.shape[2]))
        features = features.view(*batch.rows.shape[:2], -1)  # (B, L, 2 * D)
        hop, reach = self.regressor.hop_frames, self._num_audio_frames
        windows = features.unfold(1, reach, hop).mT  # (B, hops, reach, 2 * D)
        mouths = self.regressor(windows.flatten(0, 1)).reshape(
            len(features), -1, self.regressor.num_mouth
        )
        known = (batch.known & ~late.any(dim=2)).unfold(1, reach, hop).all(dim=2)
        known = known.repeat_interleave(hop, dim=1)
        truth = batch.mouth[:, reach - hop :][:, : mouths.shape[1]]
        return self._loss(torch.where(known[..., None], mouths - truth, torch.zeros(()))) / (
            known.float().mean().clamp(min=0.05)
        )
