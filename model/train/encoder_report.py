"""How well the audio encoder hears `val`: people, voices and languages it was not trained on.

And new sentences of one whom it was: GRID speaker 1, in a row of his own, but among `all`, too.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.features.encoder import SUBFRAMES, CausalAudioEncoder, load_encoder
from model.rates import SAMPLES_PER_FRAME
from model.train.encoder_augment import AugmentConfig, Augmenter, Sound
from model.train.encoder_batches import Corpus
from model.train.encoder_heads import Heads
from model.train.encoder_phones import ARTICULATION, PHONES, SILENCE, UNKNOWN, articulation_table

_NOISE_ONLY = AugmentConfig(
    room=0, equalizer=0, noise=1, snr_db=(10, 10), gain_db=(0, 0), clipping=0, dropout=0
)


def edit_distance(said: Sequence[int], meant: Sequence[int]) -> int:
    """Levenshtein distance of two token sequences."""
    row = list(range(len(said) + 1))
    for i, token in enumerate(meant, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(said, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (token != other))
    return row[-1]


def ctc_tokens(log_probs: NDArray[np.floating], skipped: set[int]) -> list[int]:
    """Greedy CTC reading of (frames, tokens): repeats merged, `skipped` (blank...) left out."""
    return [int(t) for t, _ in groupby(log_probs.argmax(-1)) if int(t) not in skipped]


@torch.inference_mode()
def listen(encoder: CausalAudioEncoder, samples: NDArray[np.float32]) -> Tensor:
    """(rows, subvector_dim), row j about the time j * 20 ms of (samples,)."""
    ahead = encoder.lookahead_frames * SAMPLES_PER_FRAME
    padded = np.pad(samples, (0, ahead + -len(samples) % SAMPLES_PER_FRAME))
    features, _ = encoder.encode(torch.from_numpy(padded)[None], encoder.initial_state(1))
    rows = features.view(-1, encoder.config.subvector_dim)
    return rows[SUBFRAMES * encoder.lookahead_frames :]


class _Score:
    """Sums over recordings of what was said and what was true."""

    def __init__(self) -> None:
        self.sums: defaultdict[str, float] = defaultdict(float)

    def add(self, name: str, count: float, of: float) -> None:
        self.sums[name] += count
        self.sums[name + " of"] += of

    def rate(self, name: str) -> float:
        of = self.sums[name + " of"]
        return self.sums[name] / of if of else float("nan")


_COLUMNS = (
    "phone accuracy", "token errors", "lips closed: found", "lips closed: right", "silence: found",
    "silence: right", "level error dB",
)  # fmt: skip


def _score(
    heads: Heads, told: Tensor, truth: dict[str, NDArray[np.generic]], skipped: set[int], s: _Score
) -> None:
    rows = min(len(told), len(truth["phones"]))
    phones, known = truth["phones"][:rows], truth["phones"][:rows] != UNKNOWN
    sounded = known & (phones != PHONES.index(SILENCE))
    said = heads.phones(told).argmax(-1).numpy()[:rows]
    s.add("phone accuracy", float((said == phones)[sounded].sum()), float(sounded.sum()))
    log_probs = heads.tokens(told).log_softmax(-1).numpy()[:rows]
    meant = ctc_tokens(truth["log_probs"][:rows].astype(np.float32), skipped)
    s.add("token errors", edit_distance(ctc_tokens(log_probs, skipped), meant), len(meant))
    is_likely = (heads.articulation(told) > 0).numpy()[:rows]
    names = list(ARTICULATION)
    table = articulation_table()[np.where(known, phones, 0)]
    closed, heard = (
        table[:, names.index("lips_closed")] > 0,
        is_likely[:, names.index("lips_closed")],
    )
    s.add(
        "lips closed: found", float((closed & heard & known).sum()), float((closed & known).sum())
    )
    s.add("lips closed: right", float((closed & heard & known).sum()), float((heard & known).sum()))
    speech, judged = truth["speech"][:rows] == 1, truth["speech"][:rows] != UNKNOWN
    quiet = ~is_likely[:, names.index("speech")]
    s.add(
        "silence: found", float((~speech & quiet & judged).sum()), float((~speech & judged).sum())
    )
    s.add("silence: right", float((~speech & quiet & judged).sum()), float((quiet & judged).sum()))
    level = heads.acoustics(told)[:rows, 0].numpy() - truth["acoustics"][:rows, 0]
    s.add("level error dB", 20 * float(np.abs(level)[speech].sum()), float(speech.sum()))


@torch.inference_mode()
def report(run_dir: Path, weights: Path) -> None:
    """Prints tables for the val split: per source, then per input level and in noise."""
    corpus = Corpus(run_dir)
    encoder = load_encoder(weights)
    heads = Heads(encoder.config.subvector_dim, len(corpus.tokens))
    heads.load_state_dict(torch.load(run_dir / "checkpoint.pt", weights_only=True)["heads"])
    skipped = {corpus.tokens.index("<blank>"), corpus.tokens.index("<wb>")}
    babble = np.concatenate([corpus.samples(int(i)) for i in corpus.indices("train")[:30]])
    noisy = Augmenter(np.random.default_rng(0), babble, _NOISE_ONLY)
    conditions: dict[str, Callable[[Sound], Sound]] = {
        "": lambda samples: samples,
        "at -58 dBFS": lambda samples: samples * np.float32(10 ** (-35 / 20)),
        "at -11 dBFS": lambda samples: (samples * np.float32(10 ** (12 / 20))).clip(-1, 1),
        "in noise, 10 dB": noisy,
    }
    print("rates over 20 ms frames; token errors against the teacher's own reading")
    print(" " * 26 + " ".join(f"{name:>18}" for name in _COLUMNS))
    for condition, distort in conditions.items():
        everyone = _Score()
        by_source: defaultdict[str, _Score] = defaultdict(_Score)
        for i in map(int, corpus.indices("val")):
            truth = corpus.targets(i, 0, int(corpus.frame_counts[i]))
            told = listen(encoder, distort(corpus.samples(i)))
            for score in (everyone, by_source[str(corpus.sources[i])]):
                _score(heads, told, truth, skipped, score)
        if not condition:
            for source, score in sorted(by_source.items()):
                _print_row(source, score)
        _print_row(f"all {condition}", everyone)


def _print_row(name: str, score: _Score) -> None:
    print(f"{name:26}" + " ".join(f"{score.rate(column):18.3f}" for column in _COLUMNS))
