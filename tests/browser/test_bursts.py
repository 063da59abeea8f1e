"""The sound that lip sync is measured with starts at one instant, wherever the threshold is."""

import numpy as np

from tests.browser.bursts import SAMPLE_RATE, WORDS, speech_bursts

_STEP = SAMPLE_RATE // 400  # 2.5 ms, as the probe hears it


def test_every_word_is_loud_within_10_ms_of_being_heard() -> None:
    sound, words = speech_bursts(len(WORDS))
    for name, word in zip(WORDS, words, strict=True):
        own = sound[round(word.start_s * SAMPLE_RATE) : round(word.end_s * SAMPLE_RATE)]
        steps = own[: len(own) // _STEP * _STEP].reshape(-1, _STEP)
        loudness = np.sqrt((steps**2).mean(axis=1))
        heard, loud = ((loudness > share * loudness.max()).argmax() for share in (0.05, 0.25))
        assert (loud - heard) * 1000 * _STEP / SAMPLE_RATE <= 10, name
