"""The regressor learns a mean of mouths from sound, hop by hop as the denoiser will ask it."""

from pathlib import Path

import torch

from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.motion_model import load_denoiser
from model.motion.space import MotionSpace
from model.train.motion_data import Batch
from model.train.motion_trainer import MotionTrainer, TrainConfig
from model.train.mouth_trainer import MouthTrainer

TRAIN = TrainConfig(learning_rate=3e-3, warmup_steps=1, audio_dropout=0.0)
FEATURES = 8
HOPS = 4


def config_of(space: MotionSpace) -> DenoiserConfig:
    return DenoiserConfig(space.dim, FEATURES, space.num_mouth, width=32, num_heads=2)


def lesson(config: DenoiserConfig, seed: int) -> Batch:
    """Mouths that are what the sound of their own frame is."""
    generator = torch.Generator().manual_seed(seed)
    length = config.num_motion_frames + HOPS * config.hop_frames
    features = torch.randn(32, length, FEATURES, generator=generator)
    motion = torch.zeros(32, length, config.motion_dim)
    motion[..., :FEATURES] = features
    return Batch(
        motion,
        features,
        head_speed=torch.zeros(32),
    )


def error(denoiser: MotionDenoiser, batch: Batch) -> float:
    """How far the first new hop is from its mouths, relative to their size."""
    c = denoiser.config
    stop = c.num_motion_frames + c.hop_frames
    denoiser.eval()
    with torch.no_grad():
        mean = denoiser.regressor(batch.features[:, stop - c.num_audio_frames : stop])
    mouths = batch.motion[:, c.num_motion_frames : stop, : c.num_mouth]
    return float((mean - mouths).square().mean() / mouths.square().mean())


def test_a_denoiser_says_what_the_regressor_learned(space: MotionSpace, tmp_path: Path) -> None:
    config = config_of(space)
    trainer = MouthTrainer(config, TRAIN, space)
    for step in range(150):
        trainer.step(lesson(config, step), 0.0)
    trainer.export(tmp_path / "mouth.safetensors")
    around = MotionTrainer(config, TRAIN)
    batch = lesson(config, 1000)
    assert error(around.denoiser, batch) > 0.9
    around.take_mouth(tmp_path / "mouth.safetensors")
    assert error(around.denoiser, batch) < 0.3


def test_training_the_rest_of_the_face_leaves_the_mouth_alone(space: MotionSpace) -> None:
    config = config_of(space)
    trainer = MotionTrainer(config, TRAIN)
    before = {n: w.clone() for n, w in trainer.denoiser.regressor.state_dict().items()}
    batch = lesson(config, 0)
    past = config.num_motion_frames
    short = Batch(batch.motion[:, : past + 2], batch.features[:, : past + 2], batch.head_speed)

    def others() -> list[torch.Tensor]:
        return [w.detach().clone() for w in trainer.denoiser.out.parameters()]

    untrained = others()
    trainer.step(short, 0.0)
    after = trainer.denoiser.regressor.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert any(not torch.equal(a, b) for a, b in zip(others(), untrained, strict=True))


def test_a_resumed_denoiser_is_exported_with_the_mouth_it_is_given(
    space: MotionSpace, tmp_path: Path
) -> None:
    config = config_of(space)
    first = MotionTrainer(config, TRAIN)
    first.save(tmp_path / "run.pt")
    mouth = MouthTrainer(config, TRAIN, space)
    mouth.step(lesson(config, 0), 0.0)
    mouth.export(tmp_path / "mouth.safetensors")
    second = MotionTrainer(config, TRAIN)
    second.resume(tmp_path / "run.pt")
    second.take_mouth(tmp_path / "mouth.safetensors")
    second.export(tmp_path / "denoiser.safetensors")
    exported = load_denoiser(tmp_path / "denoiser.safetensors")
    for name, weight in mouth.regressor.state_dict().items():
        torch.testing.assert_close(exported.regressor.state_dict()[name], weight, atol=1e-3, rtol=0)
    torch.testing.assert_close(
        exported.out[1].weight, first.denoiser.out[1].weight, atol=1e-3, rtol=0
    )


def test_a_run_goes_on_from_its_checkpoint(space: MotionSpace, tmp_path: Path) -> None:
    config = config_of(space)
    first = MouthTrainer(config, TRAIN, space)
    first.step(lesson(config, 0), 0.0)
    first.save(tmp_path / "run.pt")
    second = MouthTrainer(config, TRAIN, space)
    second.resume(tmp_path / "run.pt")
    assert second.steps == 1
    for own, other in zip(first.regressor.parameters(), second.regressor.parameters(), strict=True):
        assert torch.equal(own, other)
