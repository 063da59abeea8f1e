"""What mouths do to a sound: lessons for the audio encoder and the mouth regressor together.

The encoder learns phones from its corpus; what it leaves out of its features no regression finds
again. So in the end both learn from the same mouths: the sound, changed anew each time, goes
through the encoder, its features through the regressor, and the error of the lips back to both.
"""

from collections.abc import Iterator, Mapping
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
from model.train.encoder_teacher import FRAME_SAMPLES
from model.train.motion_data import CAPTURED, GRID_SHARE, SPOKEN, SPOKEN_SHARE, usable_clips
from model.train.motion_features import BABBLE_S, PITCH_RANGE, at_other_pitch
from model.train.mouth_trainer import MouthLoss
from model.train.recording import decode_audio

# Chances of a crop: nobody speaks; another pitch and tempo; a voice that is not the mouth's own;
# a clip's beginning after some silence.
_IDLE, _CHANGED, _OTHER_VOICE, _LATE_START = 0.08, 0.6, 0.5, 0.3
_TEMPO_RANGE = (0.85, 1.2)
_SILENT_FRAMES = (8, 30)
_BABBLE_CLIPS = 100
_NOT_SAID = -1e6
_MADE_BY = {
    "motion": "motion_space",
    "voices": "other_voices",
    SPOKEN: "phone_lips",
    CAPTURED: "mocap",
}


@dataclass(frozen=True)
class Voice:
    """Sound (samples,) int16 of a mouth; where in it each of its frames is (L,), in rows of 20 ms.

    Far below zero is a frame that the voice does not say.
    """

    pcm: NDArray[np.int16]
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """A mouth (L, K) and the voices that say the same; the first one is its own.

    share: of all lessons, which of them are this one's.
    """

    mouth: NDArray[np.float32]
    voices: list[Voice]
    share: float


@dataclass(frozen=True)
class LipsBatch:
    """Crops of sound (B, n * 640) and what the mouth does in them.

    rows: (B, L, SUBFRAMES) which rows of 20 ms each frame shows. mouth: (B, L, K). known: (B, L)
    whether that is what the frame's mouth does.
    """

    samples: Tensor
    rows: Tensor
    mouth: Tensor
    known: Tensor


def read_mouths(data: Path, runs: Path, space: MotionSpace) -> list[Said]:
    """All mouths of the `train` split: filmed, captured, and given to voices.

    Raises FileNotFoundError when a folder of theirs is missing, or none of a kind is there; what
    makes them is named.
    """
    for folder, step in _MADE_BY.items():
        if not (runs / folder).is_dir():
            raise FileNotFoundError(
                f"found no {runs / folder}, expected what `python -m model.train {step}` writes"
            )
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
        frames = np.arange(len(mouth)) + int(row["lips_lead_frames"])
        sound = _pcm(decode_audio(data / "clips" / f"{row['id']}.mp4"))
        own = Voice(sound, SUBFRAMES * frames.astype(np.float64))
        voices = [own, *_other_voices(runs / "voices" / f"{row['id']}.npz", frames)]
        kind = "grid-s1" if row["speaker"] == "grid-s1" else "people"
        said.setdefault(kind, []).append((np.clip(mouth, -5, 5), voices))
    for folder, kind in ((SPOKEN, SPOKEN), (CAPTURED, "people")):
        for path in sorted((runs / folder).glob("*.npz")):
            with np.load(path) as arrays:
                mouth, pcm = np.clip(arrays["mouth"], -5, 5), _from_corpus(arrays["sound"])
            if len(mouth) >= FPS:
                voice = Voice(pcm, SUBFRAMES * np.arange(len(mouth), dtype=np.float64))
                said.setdefault(kind, []).append((mouth, [voice]))
    shares = {
        "grid-s1": GRID_SHARE,
        SPOKEN: SPOKEN_SHARE,
        "people": 1 - GRID_SHARE - SPOKEN_SHARE,
    }
    if missing := shares.keys() - said.keys():
        raise FileNotFoundError(
            f"found no mouths of {', '.join(sorted(missing))} in {runs}, expected what `python -m"
            f" model.train` {', '.join(_MADE_BY.values())} write"
        )
    length = {kind: sum(len(mouth) for mouth, _ in own) for kind, own in said.items()}
    return [
        Said(mouth.astype(np.float32), voices, shares[kind] * len(mouth) / length[kind])
        for kind, own in said.items()
        for mouth, voices in own
    ]


def _other_voices(path: Path, frames: NDArray[np.int64]) -> list[Voice]:
    """Readings by others (`model.train.other_voices`) of these frames of a clip's sound, if any."""
    if not path.exists():
        return []
    voices = []
    with np.load(path) as arrays:
        for i in range(len(arrays) // 2):
            times_s = arrays[f"times_{i}"]
            rows = times_s[frames.clip(0, len(times_s) - 1)] * FPS * SUBFRAMES
            rows[(frames < 0) | (frames >= len(times_s))] = _NOT_SAID
            voices.append(Voice(_pcm(arrays[f"sound_{i}"].astype(np.float32)), rows))
    return voices


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
        some = self._rng.permutation(len(said))[:_BABBLE_CLIPS]
        talk = [_float(said[i].voices[0].pcm) for i in some]
        self._augment = Augmenter(self._rng, np.concatenate(talk)[: BABBLE_S * SAMPLE_RATE])

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
        steady = SUBFRAMES * np.arange(frames, dtype=np.float64)
        rows = _both(steady, SUBFRAMES * frames)
        if rng.random() < _IDLE:
            noise = self._augment.noise(length) * np.float32(rng.choice([0.0, 0.02, 0.1]))
            idle = self._augment.capture(noise.astype(np.float32))
            return idle, rows, mouth, np.ones(frames, np.bool_)
        other = len(one.voices) > 1 and rng.random() < _OTHER_VOICE
        voice = one.voices[int(rng.integers(1, len(one.voices))) if other else 0]
        pitch = tempo = 1.0
        if rng.random() < _CHANGED:
            pitch, tempo = float(rng.uniform(*PITCH_RANGE)), float(rng.uniform(*_TEMPO_RANGE))
        late = rng.random() < _LATE_START
        silent = int(rng.integers(*_SILENT_FRAMES)) if late else 0
        start = 0 if late else int(rng.integers(max(len(one.mouth) - frames // 2, 1)))
        at = start + tempo * np.arange(frames - silent, dtype=np.float64)
        at = at[at <= len(one.mouth) - 1]
        shown = slice(silent, silent + len(at))
        mouth[shown] = _between(one.mouth, at)
        first = max(round(float(voice.rows[start])), 0)
        said = (_between(voice.rows[:, None], at)[:, 0] - first) / tempo + SUBFRAMES * silent
        rows[shown] = _both(said, SUBFRAMES * frames)
        heard = _float(voice.pcm[first * FRAME_SAMPLES :][: round(length * tempo)])
        if pitch != 1.0:
            heard = at_other_pitch(heard, pitch, tempo)
        before = silent * SAMPLES_PER_FRAME
        sound = np.pad(heard, (before, length))[:length]
        seen = np.zeros(frames, np.bool_)
        ends = min(length, before + len(heard)) // FRAME_SAMPLES
        seen[shown] = (said >= SUBFRAMES * silent) & (said < ends)
        # Halfway to a frame that is not said is nowhere.
        seen[shown][:-1] &= said[1:] >= 0
        return self._augment(sound), rows, mouth, seen


def _between(
    values: NDArray[np.float32] | NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values (L, ...) at fractional places (n,), linearly."""
    before = at.astype(np.int64)
    after = np.minimum(before + 1, len(values) - 1)
    share = (at - before)[:, None]
    mixed: NDArray[np.float64] = values[before] * (1 - share) + values[after] * share
    return mixed


def _float(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.asarray(pcm / 32767, np.float32)


def _both(rows: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Each frame's two rows (L, 2): where it begins and halfway to the next frame.

    The last frame is as long as the one before it.
    """
    step = rows[-1] - rows[-2] if len(rows) > 1 else SUBFRAMES
    following = np.append(rows[1:], rows[-1] + step)
    both = np.stack([rows, (rows + following) / 2], axis=1)
    return np.asarray(np.rint(both).clip(0, most - 1), np.int64)


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
        new = slice(reach - hop, reach - hop + mouths.shape[1])
        known = (batch.known & ~late.any(dim=2))[:, new]
        truth = batch.mouth[:, new]
        return self._loss(torch.where(known[..., None], mouths - truth, torch.zeros(()))) / (
            known.float().mean().clamp(min=0.05)
        )


def regressor_weights(lips: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The regressor's own weights in those of a `LipsHead`."""
    prefix = "regressor."
    return {name.removeprefix(prefix): w for name, w in lips.items() if name.startswith(prefix)}
