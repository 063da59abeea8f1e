import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streaming.resample import (
    HEARING_REACH_SAMPLES,
    VoiceResampler,
    hear,
    lead_in,
    voice_samples,
)
from tests.streaming.world import noise


def tone(hz: float, samples: int, sample_rate: int) -> NDArray[np.int16]:
    sine = 16_000 * np.sin(2 * np.pi * hz * np.arange(samples) / sample_rate)
    pcm: NDArray[np.int16] = np.rint(sine).astype(np.int16)
    return pcm


def test_what_the_model_hears_is_exactly_aligned_with_the_voice() -> None:
    voice = tone(3000, 4800 + 2 * HEARING_REACH_SAMPLES, 48_000)
    at = HEARING_REACH_SAMPLES + 3 * np.arange(1600)
    expected = 16_000 / 32_768 * np.sin(2 * np.pi * 3000 * at / 48_000)
    heard = hear(voice)
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, expected, atol=2e-4)


@pytest.mark.parametrize("hz", [100, 1000, 4000, 7000])
def test_speech_passes_unchanged(hz: float) -> None:
    heard = hear(tone(hz, 48_000 + 2 * HEARING_REACH_SAMPLES, 48_000))
    gain = np.sqrt(2 * np.mean(heard**2)) / (16_000 / 32_768)
    assert gain == pytest.approx(1, abs=0.003)


@pytest.mark.parametrize("hz", [8_500, 10_000, 15_000, 23_000])
def test_what_would_alias_is_damped(hz: float) -> None:
    heard = hear(tone(hz, 48_000 + 2 * HEARING_REACH_SAMPLES, 48_000))
    gain = np.sqrt(2 * np.mean(heard**2)) / (16_000 / 32_768)
    assert 20 * np.log10(gain) < -58


def in_chunks(pcm: NDArray[np.int16], lengths: list[int], sample_rate: int) -> NDArray[np.int16]:
    resampler = VoiceResampler(sample_rate)
    parts, first = [], 0
    for length in [*lengths, len(pcm)]:
        if first < len(pcm):
            parts.append(resampler.resample(pcm[first : first + length]))
            first += length
    return np.concatenate([*parts, resampler.drain()])


@settings(deadline=None)
@given(
    sample_rate=st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 96_000]),
    lengths=st.lists(st.integers(1, 2500), max_size=20),
)
def test_any_chunking_gives_the_same_voice(sample_rate: int, lengths: list[int]) -> None:
    pcm = noise(5000)[:, 0]
    whole = in_chunks(pcm, [], sample_rate)
    np.testing.assert_array_equal(in_chunks(pcm, lengths, sample_rate), whole)
    assert abs(len(whole) - 5000 * 48_000 / sample_rate) <= 1


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100, 96_000])
def test_a_resampled_tone_is_neither_late_nor_early(sample_rate: int) -> None:
    resampler = VoiceResampler(sample_rate)
    voice = resampler.resample(tone(1000, sample_rate // 5, sample_rate))
    middle = slice(2000, 8000)
    np.testing.assert_allclose(voice[middle], tone(1000, 9600, 48_000)[middle], atol=80)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 32_000, 44_100, 96_000])
def test_the_lead_in_covers_what_the_filters_hold_back(sample_rate: int) -> None:
    samples = sample_rate // 50
    held_back = 960 - len(VoiceResampler(sample_rate).resample(noise(samples)[:, 0]))
    spare = lead_in(sample_rate) - HEARING_REACH_SAMPLES - held_back
    assert 0 <= spare <= 3


def test_at_48_khz_only_the_hearing_filter_needs_a_lead_in() -> None:
    assert lead_in(48_000) == HEARING_REACH_SAMPLES == 72


@pytest.mark.parametrize("sample_rate", [0, 4_000, 400_000])
def test_a_rate_out_of_range_is_refused(sample_rate: int) -> None:
    with pytest.raises(ValueError, match=f"{sample_rate} Hz, expected 8000 to 192000"):
        voice_samples(960, sample_rate)
