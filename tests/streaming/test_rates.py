import pytest

from streaming import rates


def test_the_rates_fit_each_other() -> None:
    assert rates.VOICE_SAMPLES_PER_FRAME == 1920
    assert rates.VOICE_SAMPLES_PER_FRAME % rates.VOICE_CHUNK_SAMPLES == 0
    assert rates.VIDEO_TICKS_PER_FRAME == 3600
    assert rates.ms_to_samples(rates.samples_to_ms(72)) == 72


def test_a_division_with_a_remainder_is_refused() -> None:
    with pytest.raises(ValueError, match="48000 does not divide by 29"):
        rates.exact_div(48_000, 29)
