"""The measuring itself: a made-up recording with a known skew gives that skew."""

from dataclasses import replace

import numpy as np
import pytest

from tests.browser.lip_sync import find_bursts, pair_words, sound_onsets_ms
from tests.browser.recording import CROP_SHAPE, Recording, Sound

FRAME_MS = 40.0
STARTS_MS = np.array([1203.0, 3517.0, 5891.0, 8039.0])


def sound_at(starts_ms: np.ndarray, seconds: float = 10.0) -> Sound:
    """Bursts of 300 ms that rise in an instant."""
    times = np.arange(0, 1000 * seconds, 2.5)
    loud = np.zeros(len(times), bool)
    for at in starts_ms:
        loud |= (times >= at) & (times < at + 300)
    return Sound(times, np.where(loud, 0.3, 0.0))


def recording(
    *, latency_ms: float, skew_ms: float, opens: bool = True, heard: slice = slice(None)
) -> Recording:
    """A mouth that darkens over 80 ms, exactly `skew_ms` after the remote sound began."""
    rng = np.random.default_rng(0)
    frame_times = np.arange(0, 10_000, FRAME_MS) + 7.0
    opening = np.zeros_like(frame_times)
    for at in STARTS_MS + latency_ms + skew_ms:
        inside = (frame_times >= at - 20) & (frame_times < at + 300)
        # A quarter open at `at`: the share that counts as the start.
        opening[inside] = np.clip((frame_times[inside] - (at - 20)) / 80, 0, 1)
    grey = 150 - 100 * opening * opens
    noise = rng.integers(-2, 3, (len(frame_times), *CROP_SHAPE))
    mouths = np.clip(grey[:, None, None] + noise, 0, 255).astype(np.uint8)
    return Recording(
        microphone=sound_at(STARTS_MS),
        remote=sound_at(STARTS_MS[heard] + latency_ms),
        frame_times_ms=frame_times,
        presented_frames=np.arange(len(frame_times), dtype=np.float64),
        mouths=mouths,
        messages=(),
        inbound=(),
    )


@pytest.mark.parametrize("skew_ms", [-60.0, 0.0, 45.0])
def test_finds_the_skew_and_the_latency_that_were_made(skew_ms: float) -> None:
    bursts = find_bursts(recording(latency_ms=310, skew_ms=skew_ms))
    assert len(bursts) == len(STARTS_MS)
    for burst in bursts:
        assert burst.latency_ms == pytest.approx(310, abs=3)
        assert burst.skew_ms == pytest.approx(skew_ms, abs=12)


def test_words_that_never_come_out_are_counted() -> None:
    words = pair_words(recording(latency_ms=310, skew_ms=0, heard=slice(2, None)))
    assert (len(words.bursts), words.unmatched, words.spoken) == (2, 2, 4)


def test_words_that_come_too_late_are_counted() -> None:
    words = pair_words(recording(latency_ms=1500, skew_ms=0))
    assert (len(words.bursts), words.unmatched) == (0, len(STARTS_MS))


def test_a_word_cut_off_by_the_end_is_not_counted() -> None:
    whole = recording(latency_ms=1300, skew_ms=0)
    kept = whole.microphone.times_ms < STARTS_MS[-1] + 900
    shown = whole.frame_times_ms < STARTS_MS[-1] + 900
    cut = replace(
        whole,
        microphone=Sound(whole.microphone.times_ms[kept], whole.microphone.rms[kept]),
        remote=Sound(whole.remote.times_ms[kept], whole.remote.rms[kept]),
        frame_times_ms=whole.frame_times_ms[shown],
        mouths=whole.mouths[shown],
    )
    assert pair_words(cut).unmatched == 0


def test_a_mouth_that_does_not_move_has_no_skew() -> None:
    bursts = find_bursts(recording(latency_ms=310, skew_ms=0, opens=False))
    assert [burst.skew_ms for burst in bursts] == [None] * len(STARTS_MS)


def test_a_word_within_a_sentence_is_no_start() -> None:
    assert len(sound_onsets_ms(sound_at(np.array([1000.0, 1500.0, 4000.0])))) == 2


def test_silence_has_no_start() -> None:
    assert sound_onsets_ms(sound_at(np.array([]))) == []
