"""Phones are read from what was heard so many frames after them, and from nothing else."""

import numpy as np
import torch

from model.train.encoder_lookahead import Heard, accuracy, ahead, fit_reader
from model.train.encoder_phones import PHONES, SILENCE, UNKNOWN

DELAY = 2


def recordings(lengths: tuple[int, ...]) -> Heard:
    """Features name the phones of `DELAY` frames before; the first ones name none."""
    rng = np.random.default_rng(0)
    features, phones, starts = [], [], []
    for length in lengths:
        own = rng.integers(1, len(PHONES), (length, 2))
        late = np.concatenate([np.zeros((DELAY, 2), int), own[:-DELAY]])
        features.append(np.eye(len(PHONES), dtype=np.float32)[late].reshape(length, -1))
        phones.append(own)
        starts.append(np.arange(length))
    told = torch.from_numpy(np.concatenate(phones))
    return Heard(
        torch.from_numpy(np.concatenate(features)),
        told,
        told,
        torch.from_numpy(np.concatenate(starts)),
    )


def test_a_reader_reads_what_was_said_then() -> None:
    heard = recordings((900, 300))
    rates = {}
    for frames in (1, DELAY):
        features, phones = ahead(heard, frames)
        reader = fit_reader(features, phones, steps=200)
        said = reader(features).view(*phones.shape, -1).argmax(-1)
        rates[frames] = accuracy(said, phones)
    assert rates[DELAY] > 0.9
    assert rates[1] < 0.3


def test_no_frame_is_asked_for_what_another_recording_says() -> None:
    heard = recordings((10, 10))
    features, phones = ahead(heard, 3)
    assert len(features) == len(phones) == 14
    np.testing.assert_array_equal(phones[7:], heard.phones[10:17])
    np.testing.assert_array_equal(features[7:], heard.features[13:])


def test_neither_silence_nor_what_nobody_knows_counts() -> None:
    phones = torch.tensor([[PHONES.index("a"), PHONES.index(SILENCE)], [UNKNOWN, 5]])
    said = torch.tensor([[PHONES.index("a"), 7], [3, 6]])
    assert accuracy(said, phones) == 0.5
