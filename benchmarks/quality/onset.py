"""Does the mouth open with the sound, after a silence? The model's share of the skew of a call.

`python -m benchmarks.quality.onset`. The words and silences of `benchmarks.live_skew`, each of
which begins with a plosive of the lips, heard without server and browser by three seeds. The mouth
opens where its opening first passes a quarter of the word's peak, as there.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.quality.animate import CONTACT, Take, animate, load_model, opening
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS, MAX_STEPS
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from tests.browser.bursts import SAMPLE_RATE as BURST_RATE
from tests.browser.bursts import Burst, speech_bursts

WORDS = 24
SEEDS = range(3)
ONSET_SHARE = 0.25
# A mouth that opens less than this, in face widths, is not seen to open.
LEAST_PEAK = 0.02
# Frames before a word that tell how shut the mouth was; frames after it before it must be shut.
BEFORE, AFTER = (20, 6), 12


def onset_ms(gaps: NDArray[np.float64], word: Burst) -> float | None:
    """From the sound's start to the mouth's, ms; None if it does not open."""
    first, last = int(word.start_s * FPS), int(word.end_s * FPS)
    own = gaps[first - BEFORE[1] : last + 3]
    shut = float(np.median(gaps[first - BEFORE[0] : first - BEFORE[1]]))
    peak = float(own.max())
    if peak - shut < LEAST_PEAK:
        return None
    threshold = shut + ONSET_SHARE * (peak - shut)
    at = int(np.argmax(own > threshold))
    place = float(at)
    if at > 0:
        place += float((threshold - own[at]) / (own[at] - own[at - 1]))
    # A frame shows the middle of its 40 ms.
    return 1000 * ((first - BEFORE[1] + place + 0.5) / FPS - word.start_s)


def main() -> None:
    """Animate the words, time each mouth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    args = parser.parse_args()
    avatar, space = load_model(args.weights)
    sound, words = speech_bursts(WORDS)
    samples = resample_poly(sound, SAMPLE_RATE, BURST_RATE).astype(np.float32)
    takes = [Take(samples, len(samples) // SAMPLES_PER_FRAME, seed=seed) for seed in SEEDS]
    onsets: list[float] = []
    shut: list[float] = []
    for motion in animate(avatar, takes, MAX_STEPS):
        gaps = np.asarray(opening(motion, space), np.float64)
        found = [onset_ms(gaps, word) for word in words]
        onsets += [onset for onset in found if onset is not None]
        for word, after in pairwise(words):
            silence = gaps[int(word.end_s * FPS) + AFTER : int(after.start_s * FPS) - BEFORE[1]]
            shut.append(float((silence < CONTACT).mean()))
    low, high = np.percentile(onsets, [2.5, 97.5])
    print(
        f"mean {np.mean(onsets):+.0f} ms, 95 % of {len(onsets)} words within"
        f" {low:+.0f}..{high:+.0f} ms; {len(SEEDS) * WORDS - len(onsets)} mouths did not open;"
        f" shut in {100 * np.mean(shut):.0f} % of the silence"
    )
    report(
        "quality_onset: does the mouth open with the sound?",
        [Figure("mouth opens minus sound starts", "ms", tuple(onsets))],
        baseline=measure_baseline(),
        settings={"words": WORDS, "seeds": len(SEEDS), "steps": MAX_STEPS},
    )


if __name__ == "__main__":
    main()
