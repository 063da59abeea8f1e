import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import resample_poly

from streaming.concealment import (
    CONTEXT_SAMPLES,
    LONGEST_HOLE_SAMPLES,
    MAX_LAG_SAMPLES,
    MIN_LAG_SAMPLES,
    conceal,
    pitch,
)
from tests.streaming.world import noise

PACKET = 960
LOUD = 200.0
"""RMS from which a packet of speech is more than a pause."""

Pcm = NDArray[np.int16]


@pytest.fixture(scope="module")
def spoken(speech: NDArray[np.float32]) -> Pcm:
    """Return the sentences at 48 kHz, (samples,)."""
    pcm: Pcm = np.rint(resample_poly(speech, 3, 1) * 32_000).astype(np.int16)
    return pcm


def sine(hz: float, samples: int, amplitude: float = 10_000) -> Pcm:
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / 48_000)
    pcm: Pcm = np.rint(wave).astype(np.int16)
    return pcm


def around(pcm: Pcm, start: int, samples: int) -> tuple[Pcm, Pcm, Pcm]:
    """What is before, in and after the hole of `samples` from `start` on."""
    end = start + samples
    return pcm[start - CONTEXT_SAMPLES : start], pcm[start:end], pcm[end : end + CONTEXT_SAMPLES]


def snr_db(truth: Pcm, heard: Pcm) -> float:
    """Of silence: 0."""
    error = truth.astype(float) - heard
    return float(10 * np.log10((truth.astype(float) ** 2).sum() / max((error**2).sum(), 1)))


def spectral_distance_db(truth: Pcm, heard: Pcm) -> float:
    """Log-spectral distance up to 8 kHz, over the noise of a quiet microphone."""
    floor = 25 * len(truth)
    levels = [
        10 * np.log10(np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2 + floor)
        for pcm in (truth, heard)
    ]
    spoken_bins = 8_000 * len(truth) // 48_000
    return float(np.sqrt(np.mean((levels[0] - levels[1])[:spoken_bins] ** 2)))


def steepest(pcm: Pcm) -> int:
    return int(np.abs(np.diff(pcm.astype(int))).max())


@pytest.mark.parametrize("samples", [480, 960, 2880])
@pytest.mark.parametrize("hz", [80, 137, 250, 390])
def test_a_tone_goes_on(hz: float, samples: int) -> None:
    before, truth, after = around(sine(hz, 8000), 2000, samples)
    # A period is a whole number of samples here: after 60 ms of 390 Hz that has cost some phase.
    assert snr_db(truth, conceal(before, after, samples)) > 15


def test_speech_is_nearer_to_the_truth_than_silence(spoken: Pcm) -> None:
    truths, filled, distances = [], [], []
    for start in range(2 * PACKET, len(spoken) - 3 * PACKET, 307):
        before, truth, after = around(spoken, start, PACKET)
        if np.sqrt((truth.astype(float) ** 2).mean()) > LOUD:
            truths.append(truth)
            filled.append(conceal(before, after, PACKET))
            silence = spectral_distance_db(truth, np.zeros_like(truth))
            distances.append((spectral_distance_db(truth, filled[-1]), silence))
    # Measured: 377 packets, 4.5 dB; 8.9 dB from the truth, silence 31.7 dB.
    assert len(truths) > 300
    assert snr_db(np.concatenate(truths), np.concatenate(filled)) > 3
    concealed_db, silence_db = np.mean(distances, axis=0)
    assert concealed_db < 12
    assert silence_db > 25


@pytest.mark.parametrize("samples", [480, 960, 1920, 2880])
def test_nothing_clicks_where_it_begins_repeats_or_ends(spoken: Pcm, samples: int) -> None:
    for start in range(2 * PACKET, len(spoken) - 5 * PACKET, 1_009):
        before, _, after = around(spoken, start, samples)
        filled = conceal(before, after, samples)
        # In pauses, 20 of 32768 are no click.
        own = max(steepest(before), steepest(after), 20)
        assert steepest(np.concatenate([before[-1:], filled, after[:1]])) <= 1.05 * own


def test_silence_stays_silence() -> None:
    silence = np.zeros(CONTEXT_SAMPLES, np.int16)
    assert not conceal(silence, silence, 2880).any()


def test_sound_that_ends_somewhere_in_the_hole_fades_out() -> None:
    silence = np.zeros(CONTEXT_SAMPLES, np.int16)
    level = np.abs(conceal(sine(200, CONTEXT_SAMPLES), silence, 960)).reshape(4, 240).max(axis=1)
    assert (np.diff(level.astype(int)) < 0).all()
    assert level[0] > 9_000
    assert level[-1] < 1_500


@pytest.mark.parametrize("samples", [960, 2880])
def test_noise_stays_noise_as_loud_as_it_was(samples: int) -> None:
    sound = noise(20_000)[:, 0]
    filled = [
        conceal(*around(sound, start, samples)[::2], samples).astype(float)
        for start in range(1000, 15_000, 1000)
    ]
    # Two noises that pass into one another are softer half-way: 1.2 dB on the whole.
    level_db = 10 * np.log10(np.mean(np.square(filled)) / np.mean(sound.astype(float) ** 2))
    assert level_db == pytest.approx(-1.2, abs=0.5)
    lags = range(MIN_LAG_SAMPLES, MAX_LAG_SAMPLES + 1)
    for own in filled:
        likeness = [own[lag:] @ own[:-lag] / (own @ own) for lag in lags]
        assert np.max(likeness) < 0.3


def test_full_scale_does_not_wrap_around() -> None:
    top = np.full(CONTEXT_SAMPLES, 32_767, np.int16)
    assert conceal(top, top, 960).min() == 32_767
    # 1.3 times as loud each period, and cut before its peak: from there on it would be 36,900.
    periods = np.arange(1 - CONTEXT_SAMPLES, 1) / 192
    rising = 40_000 * 1.3**periods * np.sin(2 * np.pi * periods + np.arcsin(0.8))
    before = rising.clip(-32_768, 32_767).astype(np.int16)
    assert conceal(before, 0 * before, 960)[:20].min() > 32_000


def test_time_has_no_direction(spoken: Pcm) -> None:
    before, _, after = around(spoken, 60_000, 960)
    backward = conceal(after[::-1], before[::-1], 960)[::-1]
    np.testing.assert_allclose(backward, conceal(before, after, 960), atol=1)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, LONGEST_HOLE_SAMPLES), st.integers(0, 90_000))
def test_any_hole_is_filled_as_long_as_it_is(samples: int, seed: int) -> None:
    sound = noise(2 * CONTEXT_SAMPLES, seed)[:, 0]
    filled = conceal(sound[:CONTEXT_SAMPLES], sound[CONTEXT_SAMPLES:], samples)
    assert filled.shape == (samples,)
    assert filled.dtype == np.int16


@pytest.mark.parametrize("lag", [MIN_LAG_SAMPLES, 321, MAX_LAG_SAMPLES])
def test_the_period_of_a_pitch_is_found(lag: int) -> None:
    # Louder from period to period, as voices are.
    periods = np.tile(noise(lag)[:, 0].astype(float), 9)[-CONTEXT_SAMPLES:]
    found, likeness = pitch(np.linspace(0.5, 1, CONTEXT_SAMPLES) * periods)
    assert found % lag == 0
    assert likeness > 0.99


def test_silence_and_noise_have_no_pitch() -> None:
    assert pitch(np.zeros(CONTEXT_SAMPLES))[1] == 0
    assert (
        max(pitch(noise(CONTEXT_SAMPLES, seed)[:, 0].astype(float))[1] for seed in range(50)) < 0.4
    )
