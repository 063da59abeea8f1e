"""The sliding window: what is carried, and that sessions in one batch do not touch each other."""

from pathlib import Path

import pytest
import torch

from model.motion.brows import initial_brow_state, next_brows
from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.gaze import counter_rotation, initial_gaze_state, next_fixations
from model.motion.head import STIFFNESS, reach
from model.motion.motion_model import MotionModel
from model.motion.posture import initial_posture_state, next_postures
from model.motion.space import NUM_GAZE, NUM_HEAD
from model.motion.spring import follow, initial_spring_state

SPEED = torch.tensor([0.1])


def features(hops: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(hops, 1, 2, 8, generator=torch.Generator().manual_seed(seed))


def run(model: MotionModel, seed: int, sound: torch.Tensor, num_steps: int = 2) -> torch.Tensor:
    state = model.initial_state(seed)
    return torch.cat([model.step(hop, [state], SPEED, num_steps)[0] for hop in sound])


def test_same_seed_same_motion_other_seed_other_motion(motion_model: MotionModel) -> None:
    sound = features(6)
    torch.testing.assert_close(run(motion_model, 1, sound), run(motion_model, 1, sound))
    assert not torch.allclose(run(motion_model, 1, sound), run(motion_model, 2, sound))


def test_one_sound_is_one_mouth_whatever_the_seed_and_the_steps(motion_model: MotionModel) -> None:
    sound, mouth = features(6), slice(0, motion_model.config.num_mouth)
    said = run(motion_model, 1, sound)[:, mouth]
    torch.testing.assert_close(run(motion_model, 2, sound)[:, mouth], said)
    torch.testing.assert_close(run(motion_model, 1, sound, num_steps=5)[:, mouth], said)
    assert not torch.allclose(run(motion_model, 1, features(6, seed=9))[:, mouth], said)


def test_the_past_is_what_it_said_and_head_eyes_and_brows_follow_that(
    motion_model: MotionModel,
) -> None:
    state = motion_model.initial_state(0)
    assert not state.motion_frames.any()
    hops = motion_model.config.num_motion_frames // motion_model.config.hop_frames
    made = [motion_model.step(hop, [state], SPEED, 2)[0] for hop in features(hops)]
    said, shown = state.motion_frames[0], torch.cat(made)
    driven = NUM_GAZE + NUM_HEAD
    brow = motion_model.config.num_mouth
    torch.testing.assert_close(shown[:, :brow], said[:, :brow])
    lifted = said[:, brow] + next_brows(initial_brow_state(0), torch.ones(len(said)))
    torch.testing.assert_close(shown[:, brow], lifted)
    postures = torch.from_numpy(next_postures(initial_posture_state(0), len(said)))
    wanted = reach(said[None, :, -NUM_HEAD:], postures[None], SPEED)[0]
    followed = follow(initial_spring_state(NUM_HEAD), wanted, STIFFNESS)
    torch.testing.assert_close(shown[:, -NUM_HEAD:], followed)
    fixations = torch.from_numpy(next_fixations(initial_gaze_state(0), len(said)))
    turned = said[:, -driven:-NUM_HEAD] + fixations + counter_rotation(followed)
    torch.testing.assert_close(shown[:, -driven:-NUM_HEAD], turned)


def test_sessions_in_a_batch_are_alone(motion_model: MotionModel) -> None:
    first, second = features(5, 1), features(5, 2)
    alone = [run(motion_model, 1, first), run(motion_model, 2, second)]
    states = [motion_model.initial_state(1), motion_model.initial_state(2)]
    together = [
        motion_model.step(torch.cat([a, b]), states, SPEED.repeat(2), 2)
        for a, b in zip(first, second, strict=True)
    ]
    for i in range(2):
        torch.testing.assert_close(
            torch.cat([motion[i] for motion in together]), alone[i], rtol=1e-4, atol=1e-5
        )


def test_sound_head_speed_and_steps_matter(motion_model: MotionModel) -> None:
    base = run(motion_model, 1, features(4))
    assert not torch.allclose(base, run(motion_model, 1, features(4, seed=9)))
    assert not torch.allclose(base, run(motion_model, 1, features(4), num_steps=4))
    state = motion_model.initial_state(1)
    fast = [motion_model.step(hop, [state], SPEED * 5, 2)[0] for hop in features(4)]
    assert not torch.allclose(base, torch.cat(fast))


def test_saved_weights_come_back(motion_model: MotionModel, tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    motion_model.trained_with["space"] = "abc"
    motion_model.save(path)
    loaded = MotionModel.load(path)
    assert loaded.config == motion_model.config
    assert loaded.trained_with == {"space": "abc"}
    sound = features(3)
    # Weights are kept in half precision.
    torch.testing.assert_close(
        run(loaded, 1, sound), run(motion_model, 1, sound), rtol=0.05, atol=0.05
    )


def test_windows_without_audio_for_each_frame_are_refused() -> None:
    with pytest.raises(ValueError, match="num_audio_frames is 1, expected at least hop_frames=2"):
        DenoiserConfig(motion_dim=6, feature_dim=8, num_mouth=2, num_audio_frames=1)


def test_memory_is_independent_of_the_noise(denoiser: MotionDenoiser) -> None:
    config = denoiser.config
    past = torch.randn(1, config.num_motion_frames, config.motion_dim)
    audio = torch.randn(1, config.num_audio_frames, 8)
    memory = denoiser.remember(past, audio)
    assert memory.shape == (1, config.num_motion_frames + config.num_audio_frames, 32)
    noisy = torch.randn(1, 2, config.motion_dim)
    low = denoiser(noisy, torch.tensor([0.1]), memory, audio, SPEED)
    high = denoiser(noisy, torch.tensor([0.9]), memory, audio, SPEED)
    assert low.shape == (1, 2, config.motion_dim)
    assert not torch.allclose(low, high)
