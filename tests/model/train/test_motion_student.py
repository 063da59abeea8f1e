"""The student learns one evaluation for its teacher's several."""

import torch

from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.sampler import euler_flow_sampler
from model.motion.space import MotionSpace
from model.train.motion_data import Batch
from model.train.motion_student import TEACHER_STEPS, MotionStudentTrainer
from model.train.motion_trainer import GUIDANCE_SCALE, Conditions, TrainConfig

TRAIN = TrainConfig(learning_rate=2e-3, warmup_steps=1, audio_dropout=0.0, past_noise=0.0)


def teacher(space: MotionSpace) -> MotionDenoiser:
    torch.manual_seed(0)
    return MotionDenoiser(DenoiserConfig(space.dim, feature_dim=8, width=32, num_heads=2))


def windows(space: MotionSpace, config: DenoiserConfig) -> Batch:
    generator = torch.Generator().manual_seed(2)
    length = config.num_motion_frames + config.hop_frames
    return Batch(
        motion=torch.randn(16, length, space.dim, generator=generator),
        features=torch.randn(16, length, 8, generator=generator),
        blink=torch.zeros(16, length),
        head_speed=torch.full((16,), 0.1),
        own_face=torch.ones(16, dtype=torch.bool),
    )


def gap(trainer: MotionStudentTrainer, own: MotionDenoiser, batch: Batch) -> float:
    """How far the student's one evaluation is from where the guided teacher ends up."""
    given = Conditions.of_hop(own.config, 0, batch.motion, batch.features, batch)
    noise = torch.randn(16, 2, own.config.motion_dim, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        end = euler_flow_sampler(given.bind(own, GUIDANCE_SCALE), noise, TEACHER_STEPS)
        said = given.bind(trainer.denoiser, 1.0)(noise, 1.0)
    return float((said - end).square().mean())


def test_the_student_comes_nearer_to_the_guided_teacher(space: MotionSpace) -> None:
    own = teacher(space)
    trainer = MotionStudentTrainer(own, TRAIN, space)
    batch = windows(space, own.config)
    before = gap(trainer, own, batch)
    for _ in range(40):
        trainer.step(batch, 0, 0.0)
    assert gap(trainer, own, batch) < 0.5 * before


def test_the_teacher_stays_as_it_is(space: MotionSpace) -> None:
    own = teacher(space)
    kept = {name: weight.clone() for name, weight in own.state_dict().items()}
    trainer = MotionStudentTrainer(own, TRAIN, space)
    trainer.step(windows(space, own.config), 0, 0.0)
    for name, weight in own.state_dict().items():
        assert torch.equal(weight, kept[name])
    assert any(
        not torch.equal(weight, kept[name])
        for name, weight in trainer.denoiser.state_dict().items()
    )
