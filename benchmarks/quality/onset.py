"""Does the mouth open with the sound, after a silence? The model's share of the skew of a call.

`python -m benchmarks.quality.onset [--filmed DATA RUNS]`. The words and silences of
`benchmarks.live_skew`, each of which begins with a plosive of the lips, heard without server and
browser. The mouth opens where its opening first passes a quarter of the word's peak, as there. With
`--filmed`, GRID speaker 1 is measured, too, where his sentences begin with "bin": his sound starts
where it first passes a quarter of that word's peak.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.quality.animate import CONTACT, Take, animate, load_model, on_sound_time, opening
from benchmarks.quality.clips import read_clips
from benchmarks.record import if_any, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS, MAX_STEPS
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.motion_data import usable_clips
from tests.browser.bursts import SAMPLE_RATE as BURST_RATE
from tests.browser.bursts import Burst, speech_bursts

WORDS = 72
ONSET_SHARE = 0.25
# A mouth that opens less than this, in face widths, is not seen to open.
LEAST_PEAK = 0.02
# Frames before a word that tell how shut the mouth was; frames after it before it must be shut.
BEFORE, AFTER = (20, 6), 12
FILMED_WORD = "bin"
_RMS_SAMPLES = 40
_MARGIN_S = 0.15
# A filmed silence before the first word is short.
_FILMED_BEFORE = 6


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


def sound_starts(sound: NDArray[np.float32], start_s: float, end_s: float) -> float:
    """When the sound near a word passes a quarter of the word's peak, in seconds."""
    first = max(0, int((start_s - _MARGIN_S) * SAMPLE_RATE))
    own = sound[first : int(end_s * SAMPLE_RATE)]
    own = own[: len(own) // _RMS_SAMPLES * _RMS_SAMPLES].reshape(-1, _RMS_SAMPLES)
    rms = np.sqrt((own**2).mean(axis=1))
    at = int(np.argmax(rms > ONSET_SHARE * rms.max()))
    return (first + at * _RMS_SAMPLES) / SAMPLE_RATE


def filmed_onsets_ms(data: Path, runs: Path, space: MotionSpace) -> list[float]:
    """From sound to mouth, ms, wherever GRID speaker 1 begins a sentence with "bin"."""
    words = first_words(data / "grid_s1_words.json")
    table = data / "clips.csv"
    rows = [row for split in ("train", "val") for row in usable_clips(table, split)]
    rows = [row for row in rows if row["id"] in words]
    onsets = []
    for clip in read_clips(rows, data, runs, f'begin with "{FILMED_WORD}"'):
        start_s, end_s = words[clip.clip_id]
        gaps = opening(clip.motion, space)
        gaps, _, first = on_sound_time(gaps, gaps, clip.lead_frames)
        starts_s = sound_starts(clip.sound, start_s, end_s)
        place = int(starts_s * FPS) - first
        own = gaps[max(place - _FILMED_BEFORE, 0) : int(end_s * FPS) - first + 2]
        if len(own) > _FILMED_BEFORE and (at := opens_at(own, _FILMED_BEFORE)) is not None:
            frame = max(place - _FILMED_BEFORE, 0) + at + first
            onsets.append(1000 * ((frame + 0.5) / FPS - starts_s))
    return onsets


def first_words(path: Path) -> dict[str, tuple[float, float]]:
    """When "bin" is said, in seconds, of the clips that begin with it; of none without the file."""
    if not path.exists():
        print(f"{path}: none")
        return {}
    timings: dict[str, list[tuple[float, float, str]]] = json.loads(path.read_text())
    spoken = {
        clip_id: [word for word in words if word[2].lower() not in ("sil", "sp")]
        for clip_id, words in timings.items()
    }
    return {
        clip_id: words[0][:2]
        for clip_id, words in spoken.items()
        if words and words[0][2].lower() == FILMED_WORD
    }


def opens_at(gaps: NDArray[np.float64], until: int) -> float | None:
    """Which frame it is, in parts, where a mouth that is shut before `until` opens; None: none."""
    shut = int(gaps[: until + 1].argmin())
    least, peak = float(gaps[shut]), float(gaps[shut:].max())
    if peak - least < LEAST_PEAK:
        return None
    threshold = least + ONSET_SHARE * (peak - least)
    at = shut + int(np.argmax(gaps[shut:] > threshold))
    return at - 1 + float((threshold - gaps[at - 1]) / (gaps[at] - gaps[at - 1]))


def main() -> None:
    """Animate the words, time each mouth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filmed", type=Path, nargs=2, metavar=("DATA", "RUNS"))
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    args = parser.parse_args()
    avatar, space = load_model(args.weights)
    sound, words = speech_bursts(WORDS)
    samples = resample_poly(sound, SAMPLE_RATE, BURST_RATE).astype(np.float32)
    take = Take(samples, len(samples) // SAMPLES_PER_FRAME)
    (motion,) = animate(avatar, [take], MAX_STEPS)
    gaps = np.asarray(opening(motion, space), np.float64)
    found = [onset_ms(gaps, word) for word in words]
    onsets = [onset for onset in found if onset is not None]
    shut: list[float] = []
    for word, after in pairwise(words):
        silence = gaps[int(word.end_s * FPS) + AFTER : int(after.start_s * FPS) - BEFORE[1]]
        shut.append(float((silence < CONTACT).mean()))
    conclusions = [
        f"{WORDS - len(onsets)} of {WORDS} mouths did not open; shut in"
        f" {100 * np.mean(shut):.0f} % of the silence"
    ]
    if onsets:
        low, high = np.percentile(onsets, [2.5, 97.5])
        conclusions.append(
            f"mean {np.mean(onsets):+.0f} ms, 95 % of {len(onsets)} words within"
            f" {low:+.0f}..{high:+.0f} ms"
        )
    figures = if_any("mouth opens minus sound starts", "ms", onsets)
    if args.filmed is not None:
        data, runs = args.filmed
        filmed = filmed_onsets_ms(data, runs, space)
        figures += if_any("the same of a filmed man", "ms", filmed)
    report(
        "quality_onset: does the mouth open with the sound?",
        figures,
        baseline=measure_baseline(),
        settings={"words": WORDS, "steps": MAX_STEPS},
        conclusions=conclusions,
    )


if __name__ == "__main__":
    main()
