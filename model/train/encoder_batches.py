"""Batches of augmented crops with their targets, for training the audio encoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from model.rates import SAMPLES_PER_FRAME
from model.train.encoder_augment import Augmenter
from model.train.encoder_phones import PHONES, SILENCE, UNKNOWN
from model.train.encoder_teacher import FRAME_SAMPLES

PCM_SCALE = 10**0.5 / 32767
"""The corpus keeps 10 dB of headroom."""

_LABELS = ("hidden", "log_probs", "phones", "speech", "acoustics")
_ROWS = (*_LABELS, "phone_probs")
_SOURCE_WEIGHT = {"grid_s1": 0.5, "espeak": 0.7}  # one voice, and a robot's


_ONE_OF = np.eye(len(PHONES), dtype=np.float32)


@dataclass
class Batch:
    """Crops and what is true of them.

    samples: (B, n * 640). The rest is (B, 2n, ...) as in `encoder_targets.Targets`, row j at the
    time j * 20 ms of the crop. phone_probs: (B, 2n, phones), where a label is known the mean of it
    and of what the teacher's layers say. taught: (B, 2n) whether the teacher's view counts.
    """

    samples: Tensor
    hidden: Tensor
    log_probs: Tensor
    phone_probs: Tensor
    speech: Tensor
    acoustics: Tensor
    taught: Tensor


class Corpus:
    """What the task `corpus` of `model.train.encoder` wrote into run_dir, in memory.

    Raises FileNotFoundError if it has not been written yet.
    """

    def __init__(self, run_dir: Path) -> None:
        with np.load(run_dir / "corpus.npz") as arrays:
            self._arrays = {name: arrays[name] for name in ("pcm", *_LABELS)}
            self._arrays["phone_probs"] = np.load(run_dir / "phone_probs.npy")
            self.sources: NDArray[np.str_] = arrays["sources"]
            self.splits: NDArray[np.str_] = arrays["splits"]
            self.tokens: tuple[str, ...] = tuple(arrays["tokens"])
            self._sample_ends = np.cumsum(arrays["sample_counts"])
            self._frame_ends = np.cumsum(arrays["frame_counts"])
            self.sample_counts: NDArray[np.int64] = arrays["sample_counts"]
            self.frame_counts: NDArray[np.int64] = arrays["frame_counts"]

    def samples(self, index: int, start: int = 0, length: int | None = None) -> NDArray[np.float32]:
        """(length,) of recording `index` from sample `start`, at speech level."""
        end = self._sample_ends[index]
        first = end - self.sample_counts[index] + start
        last = end if length is None else min(first + length, end)
        return np.asarray(self._arrays["pcm"][first:last] * PCM_SCALE, np.float32)

    def targets(self, index: int, start: int, length: int) -> dict[str, NDArray[np.generic]]:
        """Up to `length` rows of each target of recording `index` from row `start`."""
        end = self._frame_ends[index]
        first = end - self.frame_counts[index] + start
        return {name: self._arrays[name][first : min(first + length, end)] for name in _ROWS}

    def indices(self, split: str) -> NDArray[np.int64]:
        """The recordings of a split."""
        return np.flatnonzero(self.splits == split)


class Batches(IterableDataset[Batch]):
    """Endless random batches of the train split.

    Args:
        corpus: all recordings.
        batch_size, crop_frames: crops per batch, video frames per crop.
        seed: of everything random.
    """

    _NO_SPEECH = 0.06
    _LATE_START = 0.15

    def __init__(self, corpus: Corpus, batch_size: int, crop_frames: int, seed: int) -> None:
        self._corpus = corpus
        self._rng = np.random.default_rng(seed)
        self._batch_size = batch_size
        self._crop_frames = crop_frames
        self._train = corpus.indices("train")
        sources = corpus.sources[self._train]
        weights = corpus.sample_counts[self._train].astype(np.float64)
        weights *= [_SOURCE_WEIGHT.get(str(s).split("-")[0], 1.0) for s in sources]
        self._weights = weights / weights.sum()
        talk = [corpus.samples(int(i)) for i in self._rng.permutation(self._train)[:60]]
        self._augment = Augmenter(self._rng, np.concatenate(talk))

    def __iter__(self) -> Iterator[Batch]:
        """Batches without end."""
        while True:
            yield self.next()

    def next(self) -> Batch:
        """One batch."""
        crops = [self._crop() for _ in range(self._batch_size)]
        columns = {name: torch.from_numpy(np.stack([c[name] for c in crops])) for name in crops[0]}
        return Batch(**columns)

    def _crop(self) -> dict[str, NDArray[np.generic]]:
        rng, rows, length = self._rng, 2 * self._crop_frames, self._crop_frames * SAMPLES_PER_FRAME
        crop = self._silence(rows)
        if rng.random() < self._NO_SPEECH:
            noise = self._augment.noise(length) * np.float32(rng.choice([0.0, 0.02, 0.1]))
            return crop | {"samples": self._augment.capture(noise)}
        index = int(rng.choice(self._train, p=self._weights))
        spare = int(self._corpus.frame_counts[index]) - rows
        start = int(rng.integers(spare)) if spare > 0 else 0
        skip = int(rng.integers(rows // 2)) if rng.random() < self._LATE_START else 0
        sound = np.zeros(length, np.float32)
        heard = self._corpus.samples(index, start * FRAME_SAMPLES, length - skip * FRAME_SAMPLES)
        sound[skip * FRAME_SAMPLES :][: len(heard)] = heard
        known = len(heard) // FRAME_SAMPLES
        targets = self._corpus.targets(index, start, known)
        targets["phone_probs"] = _with_labels(targets["phone_probs"], targets.pop("phones"))
        for name, values in targets.items():
            crop[name][skip : skip + known] = values
        crop["taught"][skip : skip + known] = True
        return crop | {"samples": self._augment(sound)}

    def _silence(self, rows: int) -> dict[str, NDArray[np.generic]]:
        width = self._corpus.targets(0, 0, 1)
        return {
            "hidden": np.zeros((rows, width["hidden"].shape[1]), np.float32),
            "log_probs": np.zeros((rows, width["log_probs"].shape[1]), np.float32),
            "phone_probs": np.tile(_ONE_OF[PHONES.index(SILENCE)], (rows, 1)),
            "speech": np.zeros(rows, np.int64),
            "acoustics": np.tile(np.array([-3, 0, 0], np.float32), (rows, 1)),
            "taught": np.zeros(rows, np.bool_),
        }


def _with_labels(probs: NDArray[np.generic], phones: NDArray[np.generic]) -> NDArray[np.float32]:
    """(rows, phones): the labels where there are any count as much as the probabilities."""
    known = phones != UNKNOWN
    mixed = np.asarray(probs, np.float32)
    mixed[known] = 0.5 * mixed[known] + 0.5 * _ONE_OF[phones[known].astype(np.int64)]
    return mixed
