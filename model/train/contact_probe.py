"""Teach the contact probe at what lips meet: `python -m model.train contact_probe RUNS`.

From the encoder's corpus, each kind of voice's share bounded, as it is and as a microphone might
deliver it. Of a labelled p, b or m certain is what is a third into it, of an m also what follows,
and that the last of a p or b, after its burst, is open; the rest of it is left out, and so is what
is right before it, when lips already move. Where nobody labelled, the phones that the teacher's
layers tell count: where it is sure of p, b or m, and where it is sure of something else.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.avatar import DEFAULT_WEIGHTS
from model.features.encoder import SUBFRAMES, CausalAudioEncoder, load_encoder
from model.motion.contact import ROWS, ContactProbe
from model.rates import SAMPLE_RATE
from model.train.encoder_augment import Augmenter
from model.train.encoder_batches import Corpus
from model.train.encoder_phones import PHONES, UNKNOWN
from model.train.motion_features import BABBLE_S, hear
from model.train.speech_edges import LIPS_CLOSED

_HIDDEN = 64
_STEPS, _BATCH = 2500, 2048
_MEETING_SHARE = 0.25  # of a batch
# No voice shall be most of what is learnt: seconds of each kind of voice.
_MOST_S = 1000.0
_LEAST_LABELLED = 0.8
# Of the teacher's probabilities of p, b and m together.
_SURE, _SURE_NOT = 0.7, 0.05
_LEFT_OUT = -1.0
_VOWELS = [PHONES.index(phone) for phone in "ɑæɔaeɛiɪuʊoʌə" if phone in PHONES]  # noqa: RUF001
_TONGUE = [PHONES.index(phone) for phone in ("t", "d", "n", "s", "k", "g")]
_SHORTEST_RELEASED = 3


@dataclass(frozen=True)
class Heard:
    """Rows of 20 ms: what the encoder says (N, ROWS * D), labels and kind of voice (N,).

    told: (N,) whether lips are together, 1 or 0, or -1 where it is not certain.
    """

    rows: Tensor
    told: Tensor
    labels: NDArray[np.uint8]
    voices: NDArray[np.str_]


def spans(labels: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
    """First row, the one after the last, and the phone of every run of equal labels."""
    edges = np.flatnonzero(np.diff(labels.astype(np.int16))) + 1
    starts, ends = np.append(0, edges), np.append(edges, len(labels))
    return [(int(s), int(e), int(labels[s])) for s, e in zip(starts, ends, strict=True)]


def meeting(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Whether lips are together in each row (rows,): 1, 0, or -1 where it is not certain."""
    told = np.where(labels == UNKNOWN, _LEFT_OUT, 0.0).astype(np.float32)
    for start, end, phone in spans(labels):
        if phone not in LIPS_CLOSED:
            continue
        third = start + (end - start - 1) // 3
        told[max(start - 1, 0) : end] = _LEFT_OUT
        told[third] = 1
        if PHONES[phone] == "m":
            told[third : max(third + 1, end - 1)] = 1
        elif end - start >= _SHORTEST_RELEASED:
            told[end - 1] = 0
    return told


def meeting_by_teacher(closed: NDArray[np.floating]) -> NDArray[np.float32]:
    """The same from the probability (rows,) of p, b or m: only its peaks are certain contacts."""
    told = np.where(closed < _SURE_NOT, 0.0, _LEFT_OUT).astype(np.float32)
    before, after = np.append(0, closed[:-1]), np.append(closed[1:], 0)
    told[(closed > _SURE) & (closed >= before) & (closed > after)] = 1
    return told


def listen(corpus: Corpus, split: str, encoder: CausalAudioEncoder, seed: int) -> Heard:
    """Hear the recordings of a split: of `val` the labelled ones; of `train` all, twice."""
    rng = np.random.default_rng(seed)
    order = [int(i) for i in rng.permutation(corpus.indices(split))]
    babble = np.concatenate([corpus.samples(i) for i in order[:60]])[: BABBLE_S * SAMPLE_RATE]
    augment = Augmenter(rng, babble)
    seconds: defaultdict[str, float] = defaultdict(float)
    rows: list[NDArray[np.float16]] = []
    tellings: list[NDArray[np.float32]] = []
    phones: list[NDArray[np.uint8]] = []
    voices: list[str] = []
    for index in order:
        targets = corpus.targets(index, 0, int(corpus.frame_counts[index]))
        labels = np.asarray(targets["phones"], np.uint8)
        voice = str(corpus.sources[index]).split("-")[0]
        is_labelled = (labels != UNKNOWN).mean() >= _LEAST_LABELLED
        if seconds.get(voice, 0) > _MOST_S or not (is_labelled or split == "train"):
            continue
        seconds[voice] += float(corpus.sample_counts[index]) / SAMPLE_RATE
        closed = targets["phone_probs"][:, LIPS_CLOSED].astype(np.float32).sum(axis=1)
        told = meeting(labels) if is_labelled else meeting_by_teacher(closed)
        sound = corpus.samples(index)
        sounds = np.stack([sound, augment(sound)] if split == "train" else [sound])
        for own in hear(encoder, sounds.astype(np.float32), len(labels) // SUBFRAMES):
            # Before it began there was nothing: rows of zeros, as in a new session.
            own = np.pad(own.reshape(len(own) * SUBFRAMES, -1), ((ROWS - 1, 0), (0, 0)))
            seen = np.lib.stride_tricks.sliding_window_view(own, ROWS, axis=0)
            rows.append(np.swapaxes(seen, 1, 2).reshape(len(seen), -1))
            tellings.append(told[: len(seen)])
            phones.append(labels[: len(seen)])
            voices += [voice] * len(seen)
    print(split, {voice: f"{s:.0f} s" for voice, s in seconds.items()})
    return Heard(
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(tellings)),
        np.concatenate(phones),
        np.array(voices),
    )


def fit(rows: Tensor, told: Tensor, steps: int = _STEPS) -> ContactProbe:
    """Fit the probe to rows (N, ROWS * D), and whether lips are together in them (N,): 0 or 1."""
    first, last = nn.Linear(rows.shape[1], _HIDDEN), nn.Linear(_HIDDEN, 1)
    net = nn.Sequential(first, nn.GELU(), nn.Dropout(0.2), last)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    meet, part = (torch.nonzero(told == kind)[:, 0] for kind in (1, 0))
    num_meet = round(_BATCH * _MEETING_SHARE)
    for _ in range(steps):
        chosen = torch.cat(
            [
                meet[torch.randint(len(meet), (num_meet,))],
                part[torch.randint(len(part), (_BATCH - num_meet,))],
            ]
        )
        logits = net(rows[chosen].float())[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, told[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return ContactProbe(
        first.weight.detach(), first.bias.detach(), last.weight.detach()[0], last.bias.detach()[0]
    )


def found(logits: NDArray[np.float32], heard: Heard, voice: str) -> tuple[float, float, float]:
    """Shares of p, b, m that are found, of sounds of the tongue and of vowels that are taken so.

    Within 40 ms of the one, in the middle of the others, where neither neighbour is p, b or m.
    """
    runs = spans(heard.labels)
    hits: dict[str, list[bool]] = {"lips": [], "tongue": [], "vowel": []}
    for (_, _, before), (start, end, phone), (_, _, after) in zip(
        runs, runs[1:], runs[2:], strict=False
    ):
        if heard.voices[start] != voice:
            continue
        if phone in LIPS_CLOSED:
            hits["lips"].append(bool(logits[max(start - 2, 0) : end + 2].max() > 0))
        elif before not in LIPS_CLOSED and after not in LIPS_CLOSED:
            taken = bool(logits[(start + end - 1) // 2] > 0)
            if phone in _TONGUE:
                hits["tongue"].append(taken)
            elif phone in _VOWELS:
                hits["vowel"].append(taken)
    lips, tongue, vowel = (float(np.mean(own)) if own else float("nan") for own in hits.values())
    return lips, tongue, vowel


def main() -> None:
    """Fit on `train`, report on `val`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="holds encoder/, the encoder's corpus")
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    corpus = Corpus(args.runs / "encoder")
    encoder = load_encoder(args.weights / "audio_encoder.safetensors")
    heard = listen(corpus, "train", encoder, args.seed)
    certain = heard.told != _LEFT_OUT
    probe = fit(heard.rows[certain], heard.told[certain])
    probe.save(args.weights / "contact_probe.safetensors")
    val = listen(corpus, "val", encoder, args.seed)
    logits = probe.logits(val.rows.float()).numpy()
    for voice in sorted(set(val.voices.tolist())):
        lips, tongue, vowel = found(logits, val, voice)
        print(
            f"{voice:12} p b m found {lips:.3f}, taken so: tongue {tongue:.3f}, vowel {vowel:.3f}"
        )


if __name__ == "__main__":
    main()
