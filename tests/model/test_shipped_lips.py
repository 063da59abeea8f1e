"""What the shipped weights make of a sound: the model card's figures are of these very numbers.

A change of weights needs a new row: `python -m tests.model.test_shipped_lips` prints it.
"""

import numpy as np
import torch
from hibari import SAMPLE_RATE as VOICE_RATE
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

from model.avatar import DEFAULT_WEIGHTS, Avatar, Controls, HopRequest
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import SAMPLE_RATE, SAMPLES_PER_FRAME

SENTENCE = "Mama and Papa meet Bob by the river."
SILENCE_S = 0.4
SEED = 0
# In % of the face's width, a frame each. On other processors sums differ in their last digits, and
# the model hears its own motion: lips may differ by as much as nobody sees.
OPENINGS: tuple[float, ...] = (
    0.04, 0.0, -0.05, -0.04, -0.03, -0.03, -0.02, -0.02, -0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, -0.32, 0.0, 2.12, 6.62, 0.0, -0.14, 1.43, 2.84, 6.31, 7.11, 7.06,
    0.0, -0.19, 0.25, 2.82, 7.29, 7.43, 0.0, -0.79, 1.75, 5.59, -0.49, -0.64, 3.28, 6.88, 2.73,
    -0.11, 0.6, 1.51, 6.05, 7.24, 6.93, 0.0, -0.21, 0.0, 6.48, 8.16, 4.85, 3.42, 1.26, 0.74, 2.77,
    7.79, 4.06, -0.26, 1.46, 2.85, 3.1, 3.89, 3.36, 1.64, 0.72, 0.28, 0.18, 0.09, 0.04, 0.02,
    0.01, 0.01, 0.01, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
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


if __name__ == "__main__":
    print(np.round(openings(), 2).tolist())  # noqa: T201
