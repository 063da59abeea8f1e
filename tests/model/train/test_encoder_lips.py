"""Mouths meet their own sound, in whatever voice it is said, and the encoder learns from them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.features.encoder import EncoderConfig
from model.motion.mouth_regressor import MouthRegressor
from model.motion.space import MotionSpace
from model.rates import SAMPLES_PER_FRAME
from model.train import encoder_lips
from model.train.encoder import CHECKPOINT, MOUTH_REGRESSOR, export
from model.train.encoder_lips import (
    LipsBatch,
    LipsBatches,
    LipsHead,
    Said,
    Voice,
    read_mouths,
)
from model.train.encoder_trainer import Trainer, average
from model.train.provenance import load_mouth
from tests.model.train.test_encoder_trainer import FRAMES, TOKENS, batch

MOUTH = 20
ROW = SAMPLES_PER_FRAME // 2


class Echo(nn.Module):
    """Says that the mouth is what the new frames' features are."""

    hop_frames, num_mouth = 2, MOUTH

    def forward(self, windows: Tensor) -> Tensor:
        return windows[:, -2:, :MOUTH]


def said(frames: int) -> Said:
    """A mouth that is open while it is loud; a second voice says it at half the speed."""
    rng = np.random.default_rng(0)
    is_open = np.repeat(rng.random(frames // 5) < 0.5, 5)
    mouth = np.zeros((frames, MOUTH), np.float32)
    mouth[is_open, 0] = 1.0
    loud = (20_000 * is_open).astype(np.int16)
    at = np.arange(frames, dtype=np.float64)
    own = Voice(np.repeat(loud, SAMPLES_PER_FRAME), 2 * at)
    slow = Voice(np.repeat(loud, 2 * SAMPLES_PER_FRAME), 4 * at)
    return Said(mouth, [own, slow], 1.0)


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_lips, "_CHANGED", 0.0)
    monkeypatch.setattr(encoder_lips, "_IDLE", 0.0)
    monkeypatch.setattr(encoder_lips, "_LATE_START", 0.0)


def test_a_mouth_is_open_where_its_sound_is_in_any_voice(
    unchanged: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = LipsBatches([said(100)], 16, 40, seed=1)
    monkeypatch.setattr(batches, "_augment", lambda sound: sound)
    made = next(iter(batches))
    assert made.samples.shape == (16, 40 * SAMPLES_PER_FRAME)
    assert 0.3 < made.known.float().mean() < 1.0
    loud = made.samples.view(16, -1, ROW).mean(dim=2) > 0.1
    heard = loud.gather(1, made.rows[..., 0])
    is_open = made.mouth[..., 0] > 0
    assert torch.equal(heard[made.known], is_open[made.known])
    # The second row of a frame is halfway to the next one.
    steps = made.rows[:, 11, 0] - made.rows[:, 10, 0]
    assert set(steps.tolist()) == {2, 4}
    assert torch.equal(made.rows[:, 10, 1] - made.rows[:, 10, 0], steps // 2)
    halves = (made.rows[..., 1] - made.rows[..., 0])[made.known]
    assert set(halves.tolist()) == {1, 2}


def test_halfway_to_what_a_voice_does_not_say_nothing_is_known(
    unchanged: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_lips, "_OTHER_VOICE", 1.0)
    lesson = said(60)
    lesson.voices[1].rows[40:] = encoder_lips._NOT_SAID
    made = next(iter(LipsBatches([lesson], 8, 40, seed=1)))
    assert made.known.any()
    halves = (made.rows[..., 1] - made.rows[..., 0])[made.known]
    assert set(halves.tolist()) == {2}


def test_it_is_so_at_another_tempo_and_after_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_lips, "_IDLE", 0.0)
    monkeypatch.setattr(encoder_lips, "_CHANGED", 1.0)
    monkeypatch.setattr(encoder_lips, "_LATE_START", 1.0)
    batches = LipsBatches([said(100)], 32, 60, seed=1)
    monkeypatch.setattr(batches, "_augment", lambda sound: sound)
    made = next(iter(batches))
    assert not made.known[:, :8].any()
    loud = made.samples.view(32, -1, ROW).abs().mean(dim=2) > 0.1
    heard, is_open = loud.gather(1, made.rows[..., 0]), made.mouth[..., 0] > 0.5
    # Edges are up to 20 ms off: a frame in five is at one.
    agree = (heard == is_open)[made.known].float().mean()
    assert agree > 0.93
    shifted = (heard[:, 1:] == is_open[:, :-1])[made.known[:, 1:]].float().mean()
    assert shifted < agree - 0.04


def test_a_clip_whose_lips_come_early_is_heard_later(unchanged: None, tmp_path: Path) -> None:
    times_s = np.arange(50) / 25 * 2
    np.savez(tmp_path / "a.npz", sound_0=np.zeros(64_000, np.float16), times_0=times_s)
    (voice,) = encoder_lips._other_voices(tmp_path / "a.npz", np.arange(50) + 3)
    np.testing.assert_allclose(voice.rows[:47], times_s[3:] * 50)
    assert (voice.rows[47:] < -1000).all()


def test_missing_mouths_are_told_with_what_makes_them(space: MotionSpace, tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("id,split,audio\n")
    with pytest.raises(FileNotFoundError, match=r"no .*motion, expected .*motion_space"):
        read_mouths(tmp_path, tmp_path, space)
    for folder in ("motion", "voices", "spoken", "mocap"):
        (tmp_path / folder).mkdir()
    with pytest.raises(FileNotFoundError, match="no mouths of grid-s1, people, spoken"):
        read_mouths(tmp_path, tmp_path, space)


def test_where_nobody_speaks_the_mouth_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_lips, "_IDLE", 1.0)
    made = next(iter(LipsBatches([said(100)], 4, 40, seed=1)))
    assert not made.mouth.any()
    assert made.known.all()


def test_rows_are_judged_by_the_mouth_of_their_time(space: MotionSpace) -> None:
    delay, frames = 6, 30
    rows = torch.randn(3, 2 * frames + delay, 32)
    told = rows[:, delay:].reshape(3, frames, 64)
    at = torch.arange(2 * frames).view(frames, 2).expand(3, -1, -1)
    lesson = LipsBatch(
        torch.zeros(3, 1), at, told[..., :MOUTH].clone(), torch.ones(3, frames, dtype=torch.bool)
    )
    head = LipsHead(Echo(), 8, space)  # type: ignore[arg-type]
    assert float(head.loss(rows, lesson, delay)) == pytest.approx(0, abs=1e-6)
    assert float(head.loss(rows, lesson, delay - 2)) > 0.5
    # What is not known is not learned from.
    lesson.mouth[:, 20:] += 5
    lesson.known[:, 20:] = False
    assert float(head.loss(rows, lesson, delay)) == pytest.approx(0, abs=1e-6)


def trainer_with_lips(space: MotionSpace) -> tuple[Trainer, MouthRegressor]:
    trainer = Trainer(TOKENS, 10, 1e-3, EncoderConfig())
    regressor = MouthRegressor(trainer.encoder.feature_dim, 8, 2, MOUTH)
    trainer.add_lips(LipsHead(regressor, 8, space))
    return trainer, regressor


def test_the_error_of_lips_reaches_regressor_and_encoder(space: MotionSpace) -> None:
    torch.manual_seed(0)
    trainer, regressor = trainer_with_lips(space)
    assert trainer.lips is not None
    lesson = next(iter(LipsBatches([said(100)], 2, 40, seed=0)))
    features, _ = trainer.encoder.encode(lesson.samples, trainer.encoder.initial_state(2))
    rows = features.view(2, -1, trainer.encoder.config.subvector_dim)
    trainer.lips.loss(rows, lesson, 6).backward()  # type: ignore[no-untyped-call]
    for weight in (regressor.stem.weight, trainer.encoder.conv.weight):
        assert weight.grad is not None
        assert weight.grad.abs().sum() > 0


def test_a_step_moves_both_and_a_checkpoint_brings_both_back(
    space: MotionSpace, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    trainer, regressor = trainer_with_lips(space)
    stem, conv = (w.detach().clone() for w in (regressor.stem.weight, trainer.encoder.conv.weight))
    lesson = next(iter(LipsBatches([said(100)], 2, FRAMES, seed=0)))
    assert "lips" in trainer.learn(batch(), lesson)
    assert not torch.equal(regressor.stem.weight, stem)
    assert not torch.equal(trainer.encoder.conv.weight, conv)
    trainer.save(tmp_path / "run.pt")
    again, other = trainer_with_lips(space)
    again.load(tmp_path / "run.pt")
    assert again.step == 1
    assert torch.equal(other.stem.weight, regressor.stem.weight)
    assert torch.equal(again.encoder.conv.weight, trainer.encoder.conv.weight)
    with pytest.raises(ValueError, match="with a mouth regressor, expected the reverse"):
        Trainer(TOKENS, 10, 1e-3, EncoderConfig()).load(tmp_path / "run.pt")


def test_an_exported_regressor_hears_by_the_exported_encoder_only(
    space: MotionSpace, tmp_path: Path
) -> None:
    trainer, regressor = trainer_with_lips(space)
    trainer.save(tmp_path / CHECKPOINT)
    encoder, mouth = tmp_path / "encoder.safetensors", tmp_path / MOUTH_REGRESSOR
    export(tmp_path, encoder)
    assert torch.equal(load_mouth(mouth, encoder)["stem.weight"], regressor.stem.weight)
    Trainer(TOKENS, 10, 1e-3, EncoderConfig()).save(tmp_path / CHECKPOINT)
    export(tmp_path, encoder)
    with pytest.raises(ValueError, match="hears by"):
        load_mouth(mouth, encoder)


def test_the_mean_of_checkpoints_is_exported(space: MotionSpace, tmp_path: Path) -> None:
    paths = [tmp_path / "a.pt", tmp_path / "b.pt"]
    trainers = [trainer_with_lips(space) for _ in paths]
    for (trainer, _), path in zip(trainers, paths, strict=True):
        trainer.save(path)
    average(paths, tmp_path / CHECKPOINT)
    mean, regressor = trainer_with_lips(space)
    mean.load(tmp_path / CHECKPOINT)
    (a, of_a), (b, of_b) = trainers
    assert not torch.equal(a.encoder.conv.weight, b.encoder.conv.weight)
    torch.testing.assert_close(
        mean.encoder.conv.weight, (a.encoder.conv.weight + b.encoder.conv.weight) / 2
    )
    torch.testing.assert_close(regressor.stem.weight, (of_a.stem.weight + of_b.stem.weight) / 2)
    with pytest.raises(FileExistsError, match="move it away"):
        average(paths, tmp_path / CHECKPOINT)
    Trainer(TOKENS, 10, 1e-3, EncoderConfig()).save(paths[0])
    with pytest.raises(ValueError, match="with and without a mouth regressor"):
        average(paths, tmp_path / "c.pt")
    for path, frames in zip(paths, (2, 3), strict=True):
        Trainer(TOKENS, 10, 1e-3, EncoderConfig(lookahead_frames=frames)).save(path)
    with pytest.raises(ValueError, match="found encoders of several kinds"):
        average(paths, tmp_path / "c.pt")


def test_a_checkpoint_of_an_earlier_release_is_refused_in_words(tmp_path: Path) -> None:
    torch.save({"encoder": {}, "step": 3}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="expected a checkpoint of this release"):
        Trainer(TOKENS, 10, 1e-3, EncoderConfig()).load(tmp_path / "run.pt")
