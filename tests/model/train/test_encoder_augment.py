import numpy as np
import pytest

from model.train.encoder_augment import AugmentConfig, Augmenter

QUIET = AugmentConfig(room=0, equalizer=0, noise=0, gain_db=(0.0, 0.0), clipping=0, dropout=0)


def burst() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    sound = np.zeros(16_000, np.float32)
    sound[8_000:8_200] = 0.3
    return sound


def augmenter(config: AugmentConfig) -> Augmenter:
    babble = np.random.default_rng(1).standard_normal(64_000).astype(np.float32)
    return Augmenter(np.random.default_rng(0), babble, config)


def test_nothing_asked_nothing_changed_but_to_16_bits() -> None:
    np.testing.assert_allclose(augmenter(QUIET)(burst()), burst(), atol=1e-4)


def test_a_room_does_not_move_the_sound() -> None:
    heard = augmenter(AugmentConfig(room=1, equalizer=0, noise=0, clipping=0, dropout=0))(burst())
    assert not heard[:8_000].any()
    assert np.abs(heard[8_000:8_010]).max() > 0


def test_gain_stays_within_full_scale() -> None:
    loud = AugmentConfig(room=0, equalizer=0, noise=0, gain_db=(40.0, 40.0), clipping=0, dropout=0)
    assert np.abs(augmenter(loud)(burst())).max() == pytest.approx(1, abs=1e-4)


def test_noise_comes_at_the_ratio_asked_for() -> None:
    config = AugmentConfig(
        room=0, equalizer=0, noise=1, snr_db=(10.0, 10.0), gain_db=(0.0, 0.0), clipping=0, dropout=0
    )
    silence = np.zeros(16_000, np.float32)
    level_db = 10 * np.log10(np.mean(augmenter(config)(silence) ** 2))
    assert level_db == pytest.approx(-33, abs=0.5)


def test_every_kind_of_noise_has_the_length_asked_for() -> None:
    source = augmenter(QUIET)
    noises = [source.noise(16_000) for _ in range(40)]
    assert {noise.shape for noise in noises} == {(16_000,)}
    assert all(np.isfinite(noise).all() and noise.any() for noise in noises)
