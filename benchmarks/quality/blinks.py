"""Do the eyes blink as people's do? Over 3 minutes of silence, and of speech.

`python -m benchmarks.quality.blinks DATA RUNS`. A lid is closed when more than half of its opening
is gone; a blink is while both are, on average: that is its duration at half height. Its whole
duration is while more than a fifth is gone, which trackers tell from a lid that trembles. Real
people are those of the `val` clips: they are short, so blinks at their beginning or end count, but
their duration does not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import Take, animate, load_model
from benchmarks.quality.clips import Clip, arguments, counts, val_clips
from benchmarks.record import Figure, measure_baseline, report
from model.motion.space import NUM_LIDS, MotionSpace
from model.rates import FPS, FRAME_MS, SAMPLE_RATE

MINUTES = 3
CLOSED = 0.5
BEGUN = 0.2


def lids(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Closure of both lids (L, 2)."""
    return np.asarray(motion[:, space.lids] * space.scale[:NUM_LIDS].numpy(), np.float64)


def blinks(closure: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First frame of every blink, and the first one after it."""
    flags = np.pad((closure.mean(axis=1) > CLOSED).astype(int), 1)
    steps = np.diff(flags)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def widened(closure: NDArray[np.float64], blink: tuple[int, int]) -> tuple[int, int]:
    """The blink from its beginning to its end."""
    start, end = blink
    begun = closure.mean(axis=1) > BEGUN
    while start > 0 and begun[start - 1]:
        start -= 1
    while end < len(begun) and begun[end]:
        end += 1
    return start, end


def minutes_of(clips: Sequence[Clip]) -> list[NDArray[np.float32]]:
    """Their sound as one of 3 minutes; said over again, with a word, where it is shorter."""
    sounds = [clip.sound for clip in clips]
    if not sounds:
        return []
    speech, samples = np.concatenate(sounds), MINUTES * 60 * SAMPLE_RATE
    if len(speech) < samples:
        print(f"the GRID val clips are {len(speech) / SAMPLE_RATE:.0f} s: heard over and over")
    return [np.resize(speech, samples)]


def figures_of(name: str, closures: Sequence[NDArray[np.float64]]) -> list[Figure]:
    """Rate, durations, and whether both eyes do it together, over stretches (L, 2)."""
    if not closures:
        print(f"{name}: none")
        return []
    minutes = sum(len(own) for own in closures) / FPS / 60
    found = [(own, blink) for own in closures for blink in blinks(own)]
    figures = [Figure(f"{name}: blinks a minute", "", (len(found) / minutes,))]
    print(f"{name}: {len(found)} blinks in {minutes:.1f} min")
    spans = {
        "duration at half height": found,
        "whole duration": [(own, widened(own, blink)) for own, blink in found],
    }
    for title, blinks_of in spans.items():
        uncut = [(start, end) for own, (start, end) in blinks_of if start > 0 and end < len(own)]
        if uncut:
            durations_ms = tuple(float((end - start) * FRAME_MS) for start, end in uncut)
            figures.append(Figure(f"{name}: {title}", "ms", durations_ms))
    shut = np.concatenate(closures) > CLOSED
    either, both = int(shut.any(axis=1).sum()), int(shut.all(axis=1).sum())
    if either:
        title = f"{name}: both lids when one is shut"
        figures.append(Figure(title, "%", (100 * both / either,)))
    return figures


def main() -> None:
    """Measure people and the model."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    clips = val_clips(args.data, args.runs)
    frames = MINUTES * 60 * FPS
    takes = [Take(np.zeros(SAMPLE_RATE, np.float32), frames, seed=1)]
    takes += [Take(own, frames, seed=2) for own in minutes_of([c for c in clips if c.is_grid])]
    silent, *speaking = animate(avatar, takes)
    stretches = {
        "real, GRID": [lids(clip.motion, space) for clip in clips if clip.is_grid],
        "real, others": [lids(clip.motion, space) for clip in clips if not clip.is_grid],
        "model, silence": [lids(silent, space)],
        "model, speech": [lids(own, space) for own in speaking],
    }
    report(
        "quality_blinks: do the eyes blink as people's do?",
        [figure for name, own in stretches.items() for figure in figures_of(name, own)],
        baseline=measure_baseline(),
        settings={"num_steps": avatar.max_steps, "minutes": MINUTES, **counts(clips)},
    )


if __name__ == "__main__":
    main()
