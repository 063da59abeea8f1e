"""What does hearing further ahead bring? `python -m model.train.encoder lookahead`.

A linear reader of the trained encoder's features names the phone that was said 40, 80 and 120 ms
before the end of what is heard; it learns on a part of the train split and is asked on the val
split. The encoder was trained for 120 ms, so the shorter figures are what it can tell on the way,
no more than a lower bound of what one made for them would. The teacher hears everything.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from model.features.encoder import SUBFRAMES, CausalAudioEncoder, load_encoder
from model.rates import FRAME_MS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_batches import Corpus
from model.train.encoder_phones import PHONES, SILENCE, UNKNOWN

_LEARN_MINUTES = 40.0
_STEPS = 1500
_BATCH = 2048


@dataclass(frozen=True)
class Heard:
    """Features (frames, D) of recordings, one after another, and the rows' phones beside them.

    phones: (frames, SUBFRAMES) of the sound that a frame of features has just heard the end of.
    teacher: (frames, SUBFRAMES) what the teacher's layers say of the same.
    starts: (frames,) how many frames of its recording come before each.
    """

    features: Tensor
    phones: Tensor
    teacher: Tensor
    starts: Tensor


@torch.inference_mode()
def hear(encoder: CausalAudioEncoder, corpus: Corpus, indices: NDArray[np.int64]) -> Heard:
    """Listen to recordings of the corpus."""
    features, phones, teacher, starts = [], [], [], []
    for i in map(int, indices):
        targets = corpus.targets(i, 0, int(corpus.frame_counts[i]))
        frames = min(
            len(targets["phones"]) // SUBFRAMES, int(corpus.sample_counts[i]) // SAMPLES_PER_FRAME
        )
        sound = torch.from_numpy(corpus.samples(i, 0, frames * SAMPLES_PER_FRAME))[None]
        features.append(encoder.encode(sound, encoder.initial_state(1))[0][0])
        rows = frames * SUBFRAMES
        phones.append(np.asarray(targets["phones"][:rows], np.int64).reshape(-1, SUBFRAMES))
        said = np.asarray(targets["phone_probs"][:rows], np.float32).argmax(axis=1)
        teacher.append(said.reshape(-1, SUBFRAMES))
        starts.append(np.arange(frames))
    return Heard(
        torch.cat(features),
        torch.from_numpy(np.concatenate(phones)),
        torch.from_numpy(np.concatenate(teacher)),
        torch.from_numpy(np.concatenate(starts)),
    )


def ahead(heard: Heard, frames: int) -> tuple[Tensor, Tensor]:
    """Features (n, D), and phones (n, SUBFRAMES) that were over so many frames before."""
    asked = torch.nonzero(heard.starts >= frames)[:, 0]
    return heard.features[asked], heard.phones[asked - frames]


def is_sound(phones: Tensor) -> Tensor:
    """Where a phone is known and is no silence."""
    return (phones != UNKNOWN) & (phones != PHONES.index(SILENCE))


def fit_reader(features: Tensor, phones: Tensor, steps: int = _STEPS) -> nn.Linear:
    """Learn to read phones off features, linearly, by Adam on cross-entropy."""
    torch.manual_seed(0)
    reader = nn.Linear(features.shape[1], SUBFRAMES * len(PHONES))
    optimizer = torch.optim.Adam(reader.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(features), (_BATCH,))
        said = reader(features[rows]).view(-1, len(PHONES))
        loss = F.cross_entropy(said, phones[rows].flatten(), ignore_index=UNKNOWN)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return reader


def accuracy(said: Tensor, phones: Tensor) -> float:
    """Share of the sounded rows that are named rightly."""
    sounded = is_sound(phones)
    return float((said == phones)[sounded].float().mean())


def lookahead(run_dir: Path, weights: Path) -> None:
    """Print the phone error at each lookahead, and the teacher's own."""
    corpus, encoder = Corpus(run_dir), load_encoder(weights)
    order = np.random.default_rng(0).permutation(corpus.indices("train"))
    minutes = np.cumsum(corpus.sample_counts[order]) / (60 * SAMPLE_RATE)
    learned = hear(encoder, corpus, order[minutes <= _LEARN_MINUTES])
    asked = hear(encoder, corpus, corpus.indices("val"))
    for frames in range(1, encoder.lookahead_frames + 1):
        reader = fit_reader(*ahead(learned, frames))
        features, phones = ahead(asked, frames)
        with torch.inference_mode():
            said = reader(features).view(*phones.shape, len(PHONES)).argmax(-1)
        print(f"{frames * FRAME_MS} ms ahead: phone error {1 - accuracy(said, phones):.3f}")
    print(f"teacher, all of the sound: {1 - accuracy(asked.teacher, asked.phones):.3f}")
