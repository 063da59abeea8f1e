"""Do the lips rest when nobody speaks? In silence, in noise, and when speech breaks off.

`python -m benchmarks.quality.rest DATA RUNS`. Movement is the mean change of the lips' opening from
frame to frame, as a share of the same mouth's between the first and the last phone of the GRID
`val` clips. *Recorded silence* is what a microphone hears before and after those sentences, 0.2 s
from any phone: there the model is measured beside the people themselves, who rest, too. *Digital
silence* is zeros, which no microphone gives. Noises are of the kinds that training has heard, newly
drawn; "street" swells and fades, which those do not. See `blinks.py` for the eyes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import (
    CONTACT,
    Take,
    animate,
    frames_between,
    known,
    load_model,
    on_sound_time,
    opening,
)
from benchmarks.quality.clips import Clip, arguments, counts, val_clips
from benchmarks.quality.closures import open_vowels
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.motion.space import MotionSpace
from model.rates import FPS, FRAME_MS, SAMPLE_RATE
from model.train.encoder_augment import Augmenter, Sound
from model.train.encoder_phones import PhoneSpan
from model.train.grid_aligner import GridAligner

REST_S = 10
SPEECH_S = 5
DRAWS = 4
LEVELS_DB = (-40.0, -25.0)
# Lips that have closed, and stay so for this long, have come to rest.
AT_REST_FRAMES = FPS
CALM_S = 0.2
BROKEN_OFF = "speech breaks off, digital silence"
SEED = 11

Opening = NDArray[np.float64]


class Noises(Augmenter):
    """The augmenter's noises, each by its name."""

    def draw(self, kind: str) -> Sound:
        """10 s of a noise, at any level."""
        length = REST_S * SAMPLE_RATE
        if kind == "hiss":
            return self._rng.standard_normal(length).astype(np.float32)
        if kind == "street":
            times_s = np.arange(length) / SAMPLE_RATE
            swell = np.sin(2 * np.pi * self._rng.uniform(0.1, 0.4) * times_s)
            return (self._colored(length) * 10 ** (swell / 2)).astype(np.float32)
        return {"music": self._music, "keyboard": self._keyboard, "hum": self._hum}[kind](length)


def at_level(sound: Sound, level_db: float) -> Sound:
    """The sound with an RMS of `level_db` dBFS, clipped as a microphone does."""
    rms = np.sqrt(np.mean(sound**2))
    return (sound * np.float32(10 ** (level_db / 20) / rms)).clip(-1, 1)


def noises() -> dict[str, list[Sound]]:
    """Sounds of 10 s in which nobody speaks, by what they are."""
    source = Noises(np.random.default_rng(SEED), np.zeros(SAMPLE_RATE, np.float32))
    named = {"digital silence": [np.zeros(REST_S * SAMPLE_RATE, np.float32)] * DRAWS}
    for kind in ("hiss", "hum", "music", "keyboard", "street"):
        for level_db in LEVELS_DB:
            named[f"{kind} at {level_db:.0f} dBFS"] = [
                at_level(source.draw(kind), level_db) for _ in range(DRAWS)
            ]
    return named


def movement(lips: Opening) -> float:
    """Mean change of the opening from frame to frame, in % of the face's width."""
    return float(100 * np.abs(np.diff(lips)).mean())


def closed(lips: Opening) -> float:
    """Share of frames in which lips touch, in %."""
    return float(100 * (lips < CONTACT).mean())


def talk_s(spans: Sequence[PhoneSpan]) -> tuple[float, float]:
    """Where the first phone begins and the last one ends."""
    spoken = [span for span in spans if span.phones]
    return spoken[0].start_s, spoken[-1].end_s


def cut(lips: Opening, first: int, start_s: float, end_s: float) -> tuple[Opening, list[Opening]]:
    """While somebody speaks, and the calm stretches before and after."""
    stretches = (
        (start_s, end_s),
        (first / FPS, start_s - CALM_S),
        (end_s + CALM_S, (first + len(lips)) / FPS),
    )
    found = [frames_between(*stretch, first, len(lips)) for stretch in stretches]
    speech, *calm = [lips[frames] if frames else lips[:0] for frames in found]
    return speech, [own for own in calm if len(own) >= 2]


def rest_ms(lips: Opening) -> float:
    """How long it takes until the lips stay closed for a second; NaN if they never do."""
    touching = np.lib.stride_tricks.sliding_window_view(lips < CONTACT, AT_REST_FRAMES).all(axis=1)
    return float(np.argmax(touching) * FRAME_MS) if touching.any() else float("nan")


def broken_off(clips: Sequence[Clip], spans: Sequence[list[PhoneSpan]]) -> list[Sound]:
    """5 s of speech that break off at the end of an open vowel, then 10 s of digital silence."""
    pause = np.zeros(REST_S * SAMPLE_RATE, np.float32)
    sounds = []
    for before, clip, own in zip(clips[::8], clips[1::8], spans[1::8], strict=False):
        vowels = open_vowels(own)
        if not vowels:
            continue
        speech = np.concatenate([before.sound, clip.sound[: round(vowels[-1].end_s * SAMPLE_RATE)]])
        speech = speech[-SPEECH_S * SAMPLE_RATE :]
        missing = SPEECH_S * SAMPLE_RATE - len(speech)
        sounds.append(np.concatenate([np.pad(speech, (missing, 0)), pause]))
    return sounds


@dataclass(frozen=True)
class Calm:
    """One kind of mouth in the GRID clips: how it moves in speech, and openings (L,) in silence."""

    speech: list[float]
    silence: list[Opening]

    @property
    def speaking(self) -> float:
        """Mean movement in speech; NaN where nobody speaks."""
        return float(np.mean(self.speech)) if self.speech else float("nan")

    def figures(self, who: str) -> list[Figure]:
        """Movement and closed lips in recorded silence, and the movement in speech."""
        moved = [100 * movement(own) / self.speaking for own in self.silence]
        name = f"recorded silence, {who}"
        return [
            *if_any(f"{who}: movement in speech, a frame", "%", self.speech),
            *if_any(f"{name}: movement/speech", "%", moved),
            *if_any(f"{name}: closed", "%", [closed(own) for own in self.silence]),
        ]

    def conclusions(self, who: str) -> list[str]:
        """The same in a sentence."""
        if not self.silence:
            return []
        moved = Figure("", "", tuple(100 * movement(own) / self.speaking for own in self.silence))
        still = Figure("", "", tuple(closed(own) for own in self.silence))
        return [
            f"recorded silence, {who}: movement {moved.mean:.1f} % of that in speech on average,"
            f" median {moved.median:.1f} %, p95 {moved.percentile(95):.1f} %; closed in"
            f" {still.mean:.1f} % of the frames on average ({len(self.silence)} stretches)"
        ]


def calm_of(
    clips: Sequence[Clip],
    aligned: Sequence[list[PhoneSpan]],
    made: Sequence[Opening],
    space: MotionSpace,
) -> dict[str, Calm]:
    """Of the people, and of the model whose openings (L,) are `made`."""
    found = {who: Calm([], []) for who in ("real", "model")}
    for clip, spans, own in zip(clips, aligned, made, strict=True):
        real, model, first = on_sound_time(opening(clip.motion, space), own, clip.lead_frames)
        for calm, lips in zip(found.values(), (real, model), strict=True):
            talk, rest = cut(lips, first, *talk_s(spans))
            if len(talk) >= 2:
                calm.speech.append(movement(talk))
            calm.silence.extend(rest)
    return found


def main() -> None:
    """Measure lips in speech, then everywhere else."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    grid = [clip for clip in val_clips(args.data, args.runs) if clip.is_grid]
    aligner = GridAligner()
    found = [(clip, aligner.align(clip.sound, clip.clip_id)) for clip in grid]
    clips = [clip for clip, spans in found if spans]
    aligned = [spans for _, spans in found if spans]
    print(f"{len(grid) - len(clips)} of {len(grid)} GRID clips not aligned, left out")
    made = [opening(motion, space) for motion in animate(avatar, [clip.take for clip in clips])]
    calm = calm_of(clips, aligned, made, space)
    figures = [figure for who, own in calm.items() for figure in own.figures(who)]
    conclusions = [sentence for who, own in calm.items() for sentence in own.conclusions(who)]

    named = noises()
    named[BROKEN_OFF] = broken_off(clips, aligned)
    for name, sounds in named.items():
        skip = SPEECH_S * FPS if name == BROKEN_OFF else 0
        takes = [Take(own, skip + REST_S * FPS, seed) for seed, own in enumerate(sounds)]
        lips = [opening(motion, space)[skip:] for motion in animate(avatar, takes)]
        title = f"{name}: movement/speech"
        moved = [100 * movement(own) / calm["model"].speaking for own in lips]
        figures += if_any(title, "%", known(title, moved))
        figures += if_any(f"{name}: closed", "%", [closed(own) for own in lips])
        if skip:
            title = f"{name}: until at rest"
            figures += if_any(title, "ms", known(title, [rest_ms(own) for own in lips]))
    report(
        "quality_rest: do the lips rest when nobody speaks?",
        figures,
        baseline=measure_baseline(),
        settings={
            "num_steps": avatar.max_steps,
            "contact": CONTACT,
            "seed": SEED,
            **counts(clips),
        },
        conclusions=conclusions,
    )


if __name__ == "__main__":
    main()
