"""Lips for voices that nobody filmed: `python -m model.train phone_lips DATA RUNS`.

Real clips have few words and few voices; the corpus of the audio encoder has many of both, with the
time of every phone. A network learns from filmed people whose phones are aligned what lips do for
phones and their neighbours (coarticulation), looking both ways; then it moves lips to the corpus's
voices: synthetic ones, whose phones' times are known, and speech in many languages, whose phones
are what the audio encoder's teacher hears. Writes `RUNS/spoken/<number>.npz`: `sound` (samples,)
int16 at 16 kHz and `mouth` (frames, K), in step.
"""

# ruff: noqa: RUF001 - IPA letters are meant

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from model.avatar import DEFAULT_WEIGHTS
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import FPS, SAMPLES_PER_FRAME
from model.train.encoder_batches import PCM_SCALE, Corpus
from model.train.encoder_phones import PHONES, UNKNOWN, fold_ipa, frame_labels
from model.train.grid_aligner import GridAligner
from model.train.held_out import SEEN_IN_TRAINING
from model.train.motion_data import on_lips_time, usable_clips
from model.train.recording import decode_audio
from model.train.speech_edges import LIPS_CLOSED, at_bursts, contacts, earlier, rest_before

SUBFRAMES = 2  # labels are every 20 ms
_PHONE_S = 1 / (FPS * SUBFRAMES)
_WIDTH = 128
_BATCH, _WINDOW, _STEPS = 64, 64, 2500
_STRETCH = (0.7, 1.5)
_UNHEARD_SHARE = 0.03
# A phone that filmed people say in fewer frames than this moves lips as its stand-in does.
_ENOUGH_FRAMES = 30
_STAND_INS = {"y": "u", "ø": "o", "ɯ": "ɪ", "ŋ": "n", "ə": "ʌ", "ɜ": "ʌ"}
# Sources of the corpus whose phones only the teacher knows.
_UNLABELLED = ("speech", "facegood", "piper-joe")
# It tells them a row late, as `model.train.lips_lag` finds against filmed people.
_LATE_ROWS = 1
_MOST_UNKNOWN = 0.2
_READ_NEAR = 4  # rows of 20 ms
# In face widths: lips that are pressed together.
_PRESSED = -0.002
# How much of what a closed phone's frame lacks its neighbours get.
_BESIDE = 0.2
# Of silence before each recording: live, most speech comes after one.
_LEAD_FRAMES = (10, 50)


class PhoneLips(nn.Module):
    """Phones (B, L, SUBFRAMES * P) to mouth coefficients (B, L, K)."""

    def __init__(self, mouth_dim: int) -> None:
        super().__init__()
        self.stem = nn.Conv1d(SUBFRAMES * len(PHONES), _WIDTH, 5, padding=2)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.GELU(),
                nn.Dropout(0.1),
                nn.Conv1d(_WIDTH, _WIDTH, 5, padding=2 * step, dilation=step),
                nn.GELU(),
                nn.Conv1d(_WIDTH, _WIDTH, 1),
            )
            for step in (1, 2)
        )
        self.out = nn.Conv1d(_WIDTH, mouth_dim, 1)

    def forward(self, phones: Tensor) -> Tensor:
        """See the class."""
        x = self.stem(phones.mT)
        for block in self.blocks:
            x = x + block(x)
        mouth: Tensor = self.out(F.gelu(x)).mT
        return mouth


@dataclass(frozen=True)
class Filmed:
    """One clip: labels (L, SUBFRAMES) of phones and the mouth (L, K) that said them."""

    labels: NDArray[np.uint8]
    mouth: NDArray[np.float32]


def filmed(data: Path, runs: Path, split: str, mouth: slice) -> list[Filmed]:
    """All clips of a split whose words are known and can be aligned.

    Of `val`, most are of GRID speaker 1, whom `train` has, but no other speaker whom it has.
    """
    aligner = GridAligner()
    found = []
    for row in usable_clips(data / "clips.csv", split):
        path = runs / "motion" / f"{row['id']}.npz"
        if not row["source"].startswith("grid") or not path.exists():
            continue
        if split == "val" and row["speaker"] in SEEN_IN_TRAINING:
            continue
        spans = aligner.align(decode_audio(data / "clips" / f"{row['id']}.mp4"), row["id"])
        motion = np.load(path)["motion"]
        if spans is None or np.isnan(motion).any():
            continue
        labels = frame_labels(spans, SUBFRAMES * len(motion), _PHONE_S).reshape(-1, SUBFRAMES)
        motion, seen = on_lips_time(motion, labels[None], int(row["lips_lead_frames"]))
        found.append(Filmed(seen[0], motion[:, mouth].astype(np.float32)))
    return found


def one_of(labels: NDArray[np.uint8]) -> Tensor:
    """Labels (..., SUBFRAMES) to (..., SUBFRAMES * P) of 0 and 1; nothing where nobody knows."""
    table = np.zeros((256, len(PHONES)), np.float32)
    table[: len(PHONES)] = np.eye(len(PHONES))
    return torch.from_numpy(table[labels].reshape(*labels.shape[:-1], -1))


class Lessons:
    """Windows of filmed mouths, said faster and slower."""

    def __init__(self, clips: list[Filmed], seed: int = 0) -> None:
        self._clips = clips
        self._rng = np.random.default_rng(seed)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Phones (B, L, SUBFRAMES * P) and mouths (B, L, K)."""
        rows = [self._window() for _ in range(_BATCH)]
        labels, mouths = (np.stack(column) for column in zip(*rows, strict=True))
        labels[self._rng.random(labels.shape[:2]) < _UNHEARD_SHARE] = UNKNOWN
        return one_of(labels), torch.from_numpy(mouths)

    def _window(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        clip = self._clips[int(self._rng.integers(len(self._clips)))]
        pace = float(np.exp(self._rng.uniform(*np.log(_STRETCH))))
        first = float(self._rng.uniform(-4, max(len(clip.mouth) - _WINDOW * pace, 0)))
        places = np.clip(first + np.arange(_WINDOW) * pace, 0, len(clip.mouth) - 1)
        low = np.minimum(places.astype(int), len(clip.mouth) - 2)
        share = (places - low)[:, None].astype(np.float32)
        mouth = clip.mouth[low] * (1 - share) + clip.mouth[low + 1] * share
        labels = clip.labels.reshape(-1)
        halves = SUBFRAMES * places[:, None] + pace * np.arange(SUBFRAMES)
        return labels[np.clip(np.rint(halves).astype(int), 0, len(labels) - 1)], mouth


def gap_of(space: MotionSpace) -> Tensor:
    """Weights (K, pairs): a mouth's coefficients to the distances of its inner lips."""
    upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS[2:-2], strict=True))
    return space.mouth_basis[:, lower, 1] - space.mouth_basis[:, upper, 1]


def fit(clips: list[Filmed], space: MotionSpace, steps: int = _STEPS) -> PhoneLips:
    """Learn what lips do for phones, by AdamW."""
    torch.manual_seed(0)
    network, lessons = PhoneLips(space.num_mouth), Lessons(clips)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    weights, gaps = torch.linspace(2.0, 0.5, space.num_mouth), gap_of(space)
    for step in range(steps):
        phones, mouths = lessons.draw()
        error = network(phones) - mouths
        loss = (weights * error**2).mean() + 20 * ((error @ gaps) * 10).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            print(f"{step} loss {loss.item():.4f}", flush=True)
    return network.eval()


@torch.inference_mode()
def speak(network: PhoneLips, labels: NDArray[np.uint8], gaps: Tensor) -> NDArray[np.float32]:
    """Mouth (L, K) that says labels (L, SUBFRAMES); its lips meet at every p, b and m."""
    mouth = network(one_of(labels)[None])[0]
    across = gaps.mean(dim=1)
    closed = torch.from_numpy(contacts(labels))
    opened = (mouth @ across - _PRESSED).clamp(min=0)
    too_wide = opened * closed
    beside = F.max_pool1d(too_wide[None, None], 3, stride=1, padding=1)[0, 0] * _BESIDE
    less = torch.maximum(too_wide, torch.minimum(beside, opened))
    return np.asarray(mouth - less[:, None] * (across / across.square().sum()))


def heard_labels(
    phone_probs: NDArray[np.generic], log_probs: NDArray[np.generic], lips: NDArray[np.int16]
) -> NDArray[np.uint8]:
    """Phone labels (rows,) of speech without any, from what the teacher hears every 20 ms.

    phone_probs: (rows, P) what its layers say. log_probs: (rows, tokens) of its reading, whose
    rare tokens are surer: around each p, b and m among them lips are closed. lips: (tokens,)
    the label of a token that closes them, else -1.
    """
    labels: NDArray[np.uint8] = np.asarray(phone_probs, np.float32).argmax(axis=1).astype(np.uint8)
    bilabial = np.isin(labels, LIPS_CLOSED)
    read = lips[np.asarray(log_probs, np.float32).argmax(axis=1)]
    # A p, b or m that was not read is none; its neighbours say how the lips are.
    sure = np.convolve(read >= 0, np.ones(2 * _READ_NEAR + 1), "same") > 0
    labels[bilabial & ~sure] = UNKNOWN
    for at in np.flatnonzero(read >= 0):
        labels[max(at - 1, 0) : at + 2] = read[at]
    return labels


def labels_of(corpus: Corpus, index: int, lips: NDArray[np.int16]) -> NDArray[np.uint8] | None:
    """Phone labels (rows,) of a recording of the corpus; None if it has lips of its own."""
    source = str(corpus.sources[index])
    targets = corpus.targets(index, 0, int(corpus.frame_counts[index]))
    labels = np.asarray(targets["phones"], np.uint8)
    if source in _UNLABELLED:
        labels = heard_labels(targets["phone_probs"], targets["log_probs"], lips)
        return at_bursts(earlier(labels, _LATE_ROWS), corpus.samples(index))
    if (labels == UNKNOWN).mean() >= _MOST_UNKNOWN or source.startswith("grid"):
        return None
    return labels


def closing_tokens(tokens: tuple[str, ...]) -> NDArray[np.int16]:
    """The label of each of the teacher's tokens that closes the lips, -1 for all others."""
    first = [() if token.startswith("<") else fold_ipa(token)[:1] for token in tokens]
    numbers = [PHONES.index(own[0]) if own else -1 for own in first]
    return np.array([n if n in LIPS_CLOSED else -1 for n in numbers], np.int16)


def stand_ins(clips: list[Filmed]) -> NDArray[np.uint8]:
    """Which label (256,) moves the lips for each: its own, or that of a phone known well enough."""
    count = np.bincount(np.concatenate([c.labels.reshape(-1) for c in clips]), minlength=256)
    table = np.arange(256).astype(np.uint8)
    for index, phone in enumerate(PHONES):
        if count[index] < _ENOUGH_FRAMES * SUBFRAMES:
            other = _STAND_INS.get(phone)
            table[index] = UNKNOWN if other is None else PHONES.index(other)
            print(f"{phone}: {count[index]} labels; moves as {other or 'its neighbours say'}")
    return table


def report(network: PhoneLips, clips: list[Filmed], space: MotionSpace) -> None:
    """Print how near the network comes to clips of `val`."""
    gaps = gap_of(space)
    made = [speak(network, clip.labels, gaps) for clip in clips]
    real = np.concatenate([clip.mouth for clip in clips])
    across = gaps.mean(dim=1).numpy()
    told = np.concatenate(made)
    correlation = np.corrcoef(real @ across, told @ across)[0, 1]
    explained = 1 - ((real - told) ** 2).sum() / ((real - real.mean(axis=0)) ** 2).sum()
    print(f"val: opening's correlation {correlation:.3f}, explained {explained:.3f}", flush=True)


def main() -> None:
    """Learn from the filmed, then move the lips of the corpus's voices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    clips = filmed(args.data, args.runs, "train", space.mouth)
    table = stand_ins(clips)
    network = fit(clips, space)
    report(network, filmed(args.data, args.runs, "val", space.mouth), space)
    out = args.runs / "spoken"
    out.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(args.runs / "encoder")
    gaps = gap_of(space)
    minutes = 0.0
    rng = np.random.default_rng(0)
    lips = closing_tokens(corpus.tokens)
    for index in corpus.indices("train"):
        labels = labels_of(corpus, int(index), lips)
        if labels is None:
            continue
        frames = min(
            len(labels) // SUBFRAMES, int(corpus.sample_counts[index]) // SAMPLES_PER_FRAME
        )
        pairs = table[labels[: SUBFRAMES * frames]].reshape(-1, SUBFRAMES)
        mouth = speak(network, pairs, gaps)
        sound = np.rint(corpus.samples(int(index))[: frames * SAMPLES_PER_FRAME] / PCM_SCALE)
        lead = int(rng.integers(*_LEAD_FRAMES))
        sound, mouth = rest_before(sound.astype(np.int16), mouth, lead)
        np.savez(out / f"{index}.npz", sound=sound, mouth=mouth)
        minutes += frames / FPS / 60
    print(f"{minutes:.0f} minutes of voices that nobody filmed have lips")


if __name__ == "__main__":
    main()
