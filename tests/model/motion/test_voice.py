"""Lips rest when nobody speaks."""

import pytest
import torch

from model.motion.motion_model import MotionModel
from model.motion.voice import SILENT_FRAMES, RestState, VoiceProbe, next_gains


def test_a_short_gap_between_words_moves_nothing() -> None:
    gains = next_gains(RestState(), [True] + [False] * (SILENT_FRAMES - 1) + [True])
    assert gains == [1.0] * (SILENT_FRAMES + 1)


def test_lips_close_in_silence_and_are_free_again_with_the_first_sound() -> None:
    state = RestState()
    closing = next_gains(state, [False] * 20)
    assert closing == sorted(closing, reverse=True)
    assert closing[10] < 0.05
    assert next_gains(state, [True] * 3)[-1] > 0.8


def test_same_whatever_the_chunks() -> None:
    flags = [i % 11 < 4 for i in range(100)]
    whole = next_gains(RestState(), flags)
    state = RestState()
    assert [g for i in range(0, 100, 2) for g in next_gains(state, flags[i : i + 2])] == whole


@pytest.mark.parametrize(("bias", "rests"), [(-1.0, True), (1.0, False)])
def test_the_mouth_rests_and_its_rest_is_not_remembered(
    motion_model: MotionModel, bias: float, rests: bool
) -> None:
    mouth = slice(0, 3)
    probe = VoiceProbe(torch.zeros(8), torch.tensor(bias))
    motion_model.rest_in_silence(probe)
    state = motion_model.initial_state(0)
    for _ in range(20):
        motion = motion_model.step(torch.randn(1, 2, 8), [state], torch.tensor([0.1]), 2)
    assert (motion[..., mouth].abs().max().item() < 1e-3) is rests
    assert state.motion_frames[:, -2:, mouth].abs().max() > 1e-3
    assert motion[..., 3:].abs().max() > 1e-3
