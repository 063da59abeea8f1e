"""Phones whose times are known, and the mouths that speak them: the model's and real ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import Take, animate, frames_between, on_sound_time, opening
from benchmarks.quality.clips import KNOWN_VOICE, Clip
from benchmarks.quality.voices import utterances
from model.avatar import Avatar
from model.motion.space import MotionSpace
from model.rates import SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_phones import PhoneSpan
from model.train.grid_aligner import GridAligner

PAUSE_S = 0.4
MARGIN_S = 0.04
REAL, MODEL = "real", "model"


@dataclass(frozen=True)
class Mouth:
    """Opening (L,) of one mouth, whose first frame is number `first` of the sound."""

    opening: NDArray[np.float64]
    first: int

    def whole(self, span: PhoneSpan) -> NDArray[np.float64] | None:
        """Opening from 40 ms before a phone to 40 ms after it; None if a part is missing."""
        return self._around(span.start_s, span.end_s)

    def middle(self, span: PhoneSpan) -> NDArray[np.float64] | None:
        """Opening within 40 ms of a phone's middle; None if a part is missing."""
        centre_s = (span.start_s + span.end_s) / 2
        return self._around(centre_s, centre_s)

    def _around(self, start_s: float, end_s: float) -> NDArray[np.float64] | None:
        frames = frames_between(start_s - MARGIN_S, end_s + MARGIN_S, self.first, len(self.opening))
        return None if frames is None else self.opening[frames]


@dataclass(frozen=True)
class Spoken:
    """One sound's phones; the model's mouth and, where there is one, the person's.

    Lips come of a regression: another seed would give the same.
    """

    group: str
    spans: list[PhoneSpan]
    mouths: dict[str, Mouth]


def in_grid(avatar: Avatar, space: MotionSpace, clips: Sequence[Clip]) -> list[Spoken]:
    """Aligned clips, each spoken by the person and by the model."""
    aligner = GridAligner()
    chosen = [clip for clip in clips if clip.is_grid]
    made = _openings(avatar, space, [clip.take for clip in chosen])
    spoken = []
    for clip, own in zip(chosen, made, strict=True):
        spans = aligner.align(clip.sound, clip.clip_id)
        if spans is None:
            print(f"{clip.clip_id}: not aligned, left out")
            continue
        real, own, first = on_sound_time(opening(clip.motion, space), own, clip.lead_frames)
        mouths = {REAL: Mouth(real, first), MODEL: Mouth(own, first)}
        group = clip.group if clip.group == KNOWN_VOICE else f"GRID {clip.group}"
        spoken.append(Spoken(group, spans, mouths))
    return spoken


def by_voices(avatar: Avatar, space: MotionSpace) -> list[Spoken]:
    """What the synthetic voices say after a pause, spoken by the model."""
    named = list(utterances())
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    sounds = [np.concatenate([pause, said.samples, pause]) for _, said in named]
    takes = [Take(sound, len(sound) // SAMPLES_PER_FRAME) for sound in sounds]
    spoken = []
    for (name, said), own in zip(named, _openings(avatar, space, takes), strict=True):
        spans = [
            PhoneSpan(span.start_s + PAUSE_S, span.end_s + PAUSE_S, span.phones)
            for span in said.spans or []
        ]
        spoken.append(Spoken(name, spans, {MODEL: Mouth(own, 0)}))
    return spoken


def _openings(
    avatar: Avatar, space: MotionSpace, takes: Sequence[Take]
) -> list[NDArray[np.float64]]:
    return [opening(motion, space) for motion in animate(avatar, takes)]
