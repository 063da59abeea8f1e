"""What the shipped weights make of a sound: the model card's figures are of these very numbers.

A change of weights needs a new row: `python -m tests.model.test_shipped_lips` prints it.
"""

import numpy as np
import torch
from hibari import SAMPLE_RATE as VOICE_RATE
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.quality.animate import Take, animate, load_model, opening
from benchmarks.quality.onset import onset_ms
from model.avatar import DEFAULT_WEIGHTS, Avatar, Controls, HopRequest
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import FRAME_MS, SAMPLE_RATE, SAMPLES_PER_FRAME
from tests.browser.bursts import SAMPLE_RATE as BURST_RATE
from tests.browser.bursts import speech_bursts

SENTENCE = "Mama and Papa meet Bob by the river."
SILENCE_S = 0.4
SEED = 0
# In % of the face's width, a frame each. On other processors sums differ in their last digits: lips
# may differ by as much as nobody sees.
OPENINGS: tuple[float, ...] = (
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 6.98, 1.21, 0.0, 0.0, 4.17, 5.46, 6.42, 6.48, 0.62, 0.0, 0.0, 4.44,
    5.86, 6.49, 2.27, -0.65, 0.0, 3.92, 0.0, 0.0, 0.0, 6.11, 3.21, 0.0, 0.0, 4.03, 6.58, 6.84, 5.31,
    2.39, -0.14, 0.0, 2.9, 6.13, 5.35, 4.34, 3.12, 2.79, 4.94, 5.61, 3.07, 1.68, 2.77, 3.42, 3.51,
    3.43, 3.06, 2.68, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0,
)  # fmt: skip
CLOSE_PERCENT = 0.5


def sound() -> NDArray[np.float32]:
    """The sentence after a silence, at 16 kHz."""
    spoken = np.asarray(Hibari(threads=1)(SENTENCE, seed=0))
    said = resample_poly(spoken, SAMPLE_RATE, VOICE_RATE)
    return np.pad(0.5 * said / np.abs(said).max(), round(SILENCE_S * SAMPLE_RATE)).astype(
        np.float32
    )


def openings() -> NDArray[np.float64]:
    """How far the inner lips are apart in every frame (L,), % of the face's width."""
    avatar = Avatar.load()
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    hop = avatar.hop_frames * SAMPLES_PER_FRAME
    heard = sound()
    heard = np.pad(heard, (0, -len(heard) % hop))
    state = avatar.open(SEED)
    rows = [
        avatar.animate([HopRequest(state, samples, Controls(), avatar.max_steps)])[0]
        for samples in heard.reshape(-1, hop)
    ]
    mouth = torch.cat(rows)[:, space.mouth]
    upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS[2:-2], strict=True))
    gaps = mouth @ (space.mouth_basis[:, lower, 1] - space.mouth_basis[:, upper, 1])
    return np.asarray(100 * gaps.mean(dim=1), np.float64)


def test_lips_are_those_of_the_release() -> None:
    found, expected = openings(), np.array(OPENINGS)
    assert len(found) == len(expected)
    assert np.abs(found - expected).mean() < CLOSE_PERCENT / 5
    assert np.abs(found - expected).max() < CLOSE_PERCENT


def test_the_mouth_opens_with_the_words() -> None:
    """Heard ahead as the avatar asks for it; of less than half a frame nobody knows."""
    avatar, space = load_model(DEFAULT_WEIGHTS)
    spoken, words = speech_bursts(8)
    heard = np.asarray(resample_poly(spoken, SAMPLE_RATE, BURST_RATE), np.float32)
    frames = len(heard) // SAMPLES_PER_FRAME
    (motion,) = animate(avatar, [Take(heard, frames, SEED)])
    gaps = opening(motion, space)
    onsets = [onset_ms(heard, gaps, 0, (word.start_s, word.end_s)) for word in words]
    opened = [late_ms for late_ms in onsets if late_ms is not None]
    assert len(opened) == len(words)
    assert abs(np.median(opened)) < FRAME_MS / 2


if __name__ == "__main__":
    print(np.round(openings(), 2).tolist())  # noqa: T201
