"""What every question here starts from: the model's motion for a sound, and its lips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model.avatar import COEFFICIENTS, Avatar, Controls, HopRequest
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.face_signals import smooth
from model.train.motion_space import SMOOTHED

WEIGHTS = Path("model/weights")
# Opening, in face widths, below which lips touch.
CONTACT = 0.012

T = TypeVar("T", np.float32, np.float64)


@dataclass(frozen=True)
class Take:
    """What one session is given: `sound` (samples,) at 16 kHz, of which `frames` are looked at."""

    sound: NDArray[np.float32]
    frames: int
    seed: int = 0
    head_speed: float = 0.5


def load_model(weights: Path) -> tuple[Avatar, MotionSpace]:
    """Read the model, and the space in which its motion is read."""
    return Avatar.load(weights), MotionSpace.load(weights / "motion_space.safetensors")


def animate(
    avatar: Avatar, takes: Sequence[Take], num_steps: int | None = None
) -> list[NDArray[np.float32]]:
    """Motion (frames, M) of every take, hop by hop as in a call, all calls at once."""
    if not takes:
        return []
    states = [avatar.open(take.seed) for take in takes]
    hops = [_hops(avatar, take) for take in takes]
    rows: list[list[NDArray[np.float32]]] = [[] for _ in takes]
    for hop in range(max(len(own) for own in hops)):
        due = [i for i, own in enumerate(hops) if hop < len(own)]
        requests = [
            HopRequest(
                states[i],
                hops[i][hop],
                Controls(head_speed=takes[i].head_speed),
                num_steps or avatar.max_steps,
            )
            for i in due
        ]
        for i, motion in zip(due, avatar.animate(requests), strict=True):
            rows[i].append(motion.numpy())
    return [
        np.concatenate(own)[avatar.lookahead_frames :][: take.frames, COEFFICIENTS]
        for own, take in zip(rows, takes, strict=True)
    ]


def _hops(avatar: Avatar, take: Take) -> NDArray[np.float32]:
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    count = -(-(take.frames + avatar.lookahead_frames) // avatar.hop_frames)
    sound = take.sound[avatar.sound_lead_ms * SAMPLE_RATE // 1000 :][: count * hop_samples]
    return np.pad(sound, (0, count * hop_samples - len(sound))).reshape(count, hop_samples)


def as_tracked(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float32]:
    """The model's motion (L, M), smoothed as the tracker smooths people's: jumps compare then."""
    smoothed = motion.copy()
    for part, kernel in SMOOTHED.items():
        own: slice = getattr(space, part)
        smoothed[:, own] = smooth(motion[:, own].astype(np.float64), kernel)
    return smoothed


def opening(motion: NDArray[np.float32], space: MotionSpace) -> NDArray[np.float64]:
    """Mean opening (L,) of the inner lips over the neutral, in face widths."""
    basis = space.mouth_basis.numpy()
    upper, lower = np.array(INNER_LIP_PAIRS)[2:-2].T
    gap = (basis[:, lower, 1] - basis[:, upper, 1]).mean(axis=1)
    return np.asarray(motion[:, space.mouth] @ gap, np.float64)


def on_sound_time(
    real: NDArray[T], made: NDArray[T], lead: int
) -> tuple[NDArray[T], NDArray[T], int]:
    """Cut (L, ...) to where both are known, by the sound's time; also the first frame's number.

    Real lips come `lead` frames before their sound.
    """
    if lead > 0:
        return real[:-lead], made[lead:], lead
    if lead < 0:
        return real[-lead:], made[:lead], 0
    return real, made, 0


def frames_between(start_s: float, end_s: float, first: int, count: int) -> slice | None:
    """Of `count` frames from number `first` on: those whose middle is within the given time.

    None if some of them are not there. A frame is shown for 40 ms from its sound on.
    """
    low = int(np.ceil(start_s * FPS - 0.5)) - first
    high = int(np.floor(end_s * FPS - 0.5)) + 1 - first
    return slice(low, high) if 0 <= low < high <= count else None


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's correlation of two series (L,); NaN if one of them does not move."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def known(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """Those that are not NaN; says how many are."""
    kept = tuple(value for value in values if not np.isnan(value))
    if len(kept) < len(values):
        print(f"{name}: {len(values) - len(kept)} of {len(values)} have no value, left out")
    return kept
