from pathlib import Path

import numpy as np
import pytest
import torch

from model.train.encoder_batches import Batches, Corpus
from model.train.encoder_dense import phone_probs
from model.train.encoder_heads import Heads
from model.train.encoder_phones import PHONES, UNKNOWN
from model.train.encoder_targets import HIDDEN_TARGET_DIM

TOKENS = 5
CROP_FRAMES = 10


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Twelve train recordings of 6 s and a short one of the val split."""
    rng = np.random.default_rng(0)
    seconds = np.array([6] * 12 + [1])
    frames = 50 * seconds + 1
    total = int(frames.sum())
    np.savez(
        tmp_path / "corpus.npz",
        pcm=rng.integers(-3000, 3000, 16_000 * int(seconds.sum())).astype(np.int16),
        hidden=rng.standard_normal((total, HIDDEN_TARGET_DIM)).astype(np.float16),
        log_probs=np.full((total, TOKENS), np.log(1 / TOKENS), np.float16),
        phones=np.where(np.arange(total) % 2, UNKNOWN, 3).astype(np.uint8),
        speech=np.ones(total, np.uint8),
        acoustics=np.zeros((total, 3), np.float16),
        sample_counts=16_000 * seconds,
        frame_counts=frames,
        sources=np.array(["people"] * 12 + ["stranger"]),
        splits=np.array(["train"] * 12 + ["val"]),
        tokens=np.array(list("abcd_")),
    )
    np.save(tmp_path / "phone_probs.npy", np.full((total, len(PHONES)), 1 / len(PHONES)))
    return Corpus(tmp_path)


def test_batches_have_two_rows_of_targets_per_frame(corpus: Corpus) -> None:
    batch = Batches(corpus, batch_size=6, crop_frames=CROP_FRAMES, seed=0).next()
    assert batch.samples.shape == (6, CROP_FRAMES * 640)
    assert batch.hidden.shape == (6, 2 * CROP_FRAMES, HIDDEN_TARGET_DIM)
    assert batch.log_probs.shape == (6, 2 * CROP_FRAMES, TOKENS)
    torch.testing.assert_close(batch.phone_probs.sum(-1), torch.ones(6, 2 * CROP_FRAMES))
    assert batch.samples.abs().max() <= 1


def test_labels_count_as_much_as_probabilities(corpus: Corpus) -> None:
    batch = Batches(corpus, batch_size=6, crop_frames=CROP_FRAMES, seed=0).next()
    taught = batch.phone_probs[batch.taught]
    peaks = taught.max(-1).values
    chance = 1 / len(PHONES)
    labelled = peaks > 0.5
    assert 0 < labelled.sum() < len(peaks)
    torch.testing.assert_close(
        peaks, torch.where(labelled, 0.5 + 0.5 * chance, chance), atol=1e-5, rtol=0
    )


def test_the_same_seed_gives_the_same_batch(corpus: Corpus) -> None:
    first, again = (Batches(corpus, 4, CROP_FRAMES, seed=7).next() for _ in range(2))
    torch.testing.assert_close(first.samples, again.samples)


def test_rows_are_judged_by_the_moment_they_speak_of(corpus: Corpus) -> None:
    batch = Batches(corpus, batch_size=4, crop_frames=CROP_FRAMES, seed=0).next()
    batch.acoustics = torch.randn(batch.acoustics.shape)
    heads = Heads(3, TOKENS)
    with torch.no_grad():
        heads.acoustics.weight.copy_(torch.eye(3))
        heads.acoustics.bias.zero_()
    late = torch.full_like(batch.acoustics, 9.0)
    late[:, 4:] = batch.acoustics[:, :-4]
    assert heads.losses(late, batch, delay_rows=4)["acoustics"].item() == pytest.approx(0)
    assert heads.losses(late, batch, delay_rows=3)["acoustics"].item() > 0.5


def test_phones_are_learned_from_labelled_rows_and_said_of_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(1, 4, 200), 10).astype(np.uint8)
    hidden = (np.eye(8)[truth] + 0.1 * rng.standard_normal((2000, 8))).astype(np.float16)
    labels = np.where(rng.random(2000) < 0.5, truth, UNKNOWN).astype(np.uint8)
    probs = phone_probs(hidden, labels, np.arange(2000) < 1500, seed=0, steps=60)
    assert (probs.argmax(1) == truth).mean() > 0.95
    assert "right where it has not learned them" in capsys.readouterr().out
