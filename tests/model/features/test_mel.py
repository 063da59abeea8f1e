import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from model.features.mel import HOP_SAMPLES, TAIL_SAMPLES, WINDOW_SAMPLES, LogMel, mel_filters
from model.rates import SAMPLE_RATE


def tone(hz: float, samples: int) -> torch.Tensor:
    times_s = torch.arange(samples) / SAMPLE_RATE
    return (0.1 * torch.sin(2 * np.pi * hz * times_s))[None]


def test_the_bands_are_slaney_s() -> None:
    expected = mel_filter_bank(
        num_frequency_bins=WINDOW_SAMPLES // 2 + 1,
        num_mel_filters=80,
        min_frequency=20.0,
        max_frequency=SAMPLE_RATE / 2,
        sampling_rate=SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    np.testing.assert_allclose(mel_filters(80).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_streamed_in_hops_equals_all_at_once() -> None:
    mel = LogMel()
    sound = torch.randn(2, 20 * HOP_SAMPLES, generator=torch.Generator().manual_seed(0))
    whole, whole_tail = mel(sound, torch.zeros(2, TAIL_SAMPLES))
    tail = torch.zeros(2, TAIL_SAMPLES)
    pieces = []
    for start in range(0, sound.shape[1], HOP_SAMPLES):
        frames, tail = mel(sound[:, start : start + HOP_SAMPLES], tail)
        pieces.append(frames)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole)
    torch.testing.assert_close(tail, whole_tail)


def test_uses_nothing_of_the_future() -> None:
    mel = LogMel()
    sound = tone(300, 10 * HOP_SAMPLES)
    changed = sound.clone()
    changed[:, 5 * HOP_SAMPLES :] = 0.5
    before, _ = mel(sound, torch.zeros(1, TAIL_SAMPLES))
    after, _ = mel(changed, torch.zeros(1, TAIL_SAMPLES))
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


def test_a_higher_tone_is_in_a_higher_band() -> None:
    mel = LogMel()
    bands = []
    for hz in (200, 1000, 5000):
        frames, _ = mel(tone(hz, 10 * HOP_SAMPLES), torch.zeros(1, TAIL_SAMPLES))
        bands.append(int(frames[0, -1].argmax()))
    assert bands == sorted(set(bands))


def test_an_offset_is_not_heard() -> None:
    """Sound cards have one: a hundredth of full scale was as loud to the network as speech."""
    mel = LogMel()
    tail = torch.zeros(1, TAIL_SAMPLES)
    silence, _ = mel(torch.zeros(1, 4 * HOP_SAMPLES), tail)
    offset, _ = mel(torch.full((1, 4 * HOP_SAMPLES), 0.01), tail + 0.01)
    torch.testing.assert_close(offset, silence)
    sound = tone(220, 10 * HOP_SAMPLES)
    clean, _ = mel(sound, tail)
    lifted, _ = mel(sound + 0.01, tail + 0.01)
    torch.testing.assert_close(lifted, clean, atol=2e-3, rtol=0)


def test_silence_and_full_scale_stay_in_the_range_of_the_network() -> None:
    mel = LogMel()
    silence, _ = mel(torch.zeros(1, 4 * HOP_SAMPLES), torch.zeros(1, TAIL_SAMPLES))
    loud, _ = mel(10 * tone(440, 4 * HOP_SAMPLES), torch.zeros(1, TAIL_SAMPLES))
    assert -2.5 < float(silence.min()) <= float(silence.max()) < -1.5
    assert 1.5 < float(loud.max()) < 3.5
