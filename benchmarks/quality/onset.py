"""Does the mouth open with the sound, after a silence? The model's share of the skew of a call.

`python -m benchmarks.quality.onset [--filmed DATA RUNS]`. The words and silences of
`benchmarks.live_skew`, each of which begins with a plosive of the lips, heard without server and
browser. Mouth and sound start where they first pass a quarter of the word's peak, as there. With
`--filmed`, GRID speaker 1 is measured by the same rules, where his sentences begin with "bin".
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
from tests.browser.bursts import speech_bursts

WORDS = 72
ONSET_SHARE = 0.25
# A mouth that opens less than this, in face widths, is not seen to open.
LEAST_PEAK = 0.02
# Frames before a word from which on the mouth is looked at: filmed silences before a first word are
# short. Frames after a word before the mouth must be shut.
BEFORE, AFTER = 6, 12
FILMED_WORD = "bin"
_RMS_SAMPLES = 40
_MARGIN_S = 0.15


def sound_starts(sound: NDArray[np.float32], start_s: float, end_s: float) -> float:
    """When the sound near a word passes a quarter of the word's peak, in seconds."""
    first = max(0, int((start_s - _MARGIN_S) * SAMPLE_RATE))
    own = sound[first : int(end_s * SAMPLE_RATE)]
    own = own[: len(own) // _RMS_SAMPLES * _RMS_SAMPLES].reshape(-1, _RMS_SAMPLES)
    rms = np.sqrt((own**2).mean(axis=1))
    at = int(np.argmax(rms > ONSET_SHARE * rms.max()))
    return (first + at * _RMS_SAMPLES) / SAMPLE_RATE


def onset_ms(
    sound: NDArray[np.float32],
    gaps: NDArray[np.float64],
    first: int,
    word: tuple[float, float],
) -> float | None:
    """From sound to mouth in a word (start_s, end_s), ms; None if the mouth does not open.

    sound: (samples,) at 16 kHz. gaps: (L,) opening from frame `first` on.
    """
    starts_s = sound_starts(sound, *word)
    begin = max(int(starts_s * FPS) - first - BEFORE, 0)
    own = gaps[begin : int(word[1] * FPS) - first + 2]
    at = opens_at(own, BEFORE) if len(own) > BEFORE else None
    # A frame shows the middle of its 40 ms.
    return None if at is None else 1000 * ((begin + at + first + 0.5) / FPS - starts_s)


def filmed_onsets_ms(data: Path, runs: Path, space: MotionSpace) -> list[float]:
    """From sound to mouth, ms, wherever GRID speaker 1 begins a sentence with "bin"."""
    words = first_words(data / "grid_s1_words.json")
    table = data / "clips.csv"
    rows = [row for split in ("train", "val") for row in usable_clips(table, split)]
    rows = [row for row in rows if row["id"] in words]
    onsets = []
    for clip in read_clips(rows, data, runs, f'begin with "{FILMED_WORD}"'):
        gaps = opening(clip.motion, space)
        gaps, _, first = on_sound_time(gaps, gaps, clip.lead_frames)
        onset = onset_ms(clip.sound, gaps, first, words[clip.clip_id])
        if onset is not None:
            onsets.append(onset)
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
    found = [onset_ms(samples, gaps, 0, (word.start_s, word.end_s)) for word in words]
    onsets = [onset for onset in found if onset is not None]
    shut: list[float] = []
    for word, after in pairwise(words):
        silence = gaps[int(word.end_s * FPS) + AFTER : int(after.start_s * FPS) - BEFORE]
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
