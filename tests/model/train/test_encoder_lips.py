"""Mouths meet their own sound, in whatever voice it is said, and the encoder learns from them."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.motion.mouth_regressor import MouthRegressor
from model.motion.space import MotionSpace
from model.rates import SAMPLES_PER_FRAME
from model.train import encoder_lips
from model.train.encoder import Trainer
from model.train.encoder_lips import LipsBatch, LipsBatches, LipsHead, Said, Voice
from tests.model.train.test_encoder_trainer import FRAMES, TOKENS, batch, moved

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
    own = Voice(np.repeat(loud, SAMPLES_PER_FRAME), 2.0 * np.arange(frames))
    slow = Voice(np.repeat(loud, 2 * SAMPLES_PER_FRAME), 4.0 * np.arange(frames))
    return Said(mouth, [own, slow], 1.0)


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_lips, "_CHANGED", 0.0)
    monkeypatch.setattr(encoder_lips, "_IDLE", 0.0)


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
    steps = made.rows[:, 1, 0] - made.rows[:, 0, 0]
    assert set(steps.tolist()) == {2, 4}


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


def test_encoder_and_regressor_both_learn_from_mouths(space: MotionSpace) -> None:
    torch.manual_seed(0)
    trainer = Trainer(TOKENS, 10, 1e-3, 3)
    regressor = MouthRegressor(trainer.encoder.feature_dim, 8, 2, MOUTH)
    trainer.hear_for(LipsHead(regressor, 8, space))
    before = {k: w.clone() for k, w in trainer.encoder.state_dict().items()}
    stem = regressor.stem.weight.detach().clone()
    lesson = next(iter(LipsBatches([said(40)], 2, FRAMES, seed=0)))
    assert "lips" in trainer.learn(batch(), lesson)
    assert moved(trainer, before)
    assert not torch.equal(regressor.stem.weight, stem)
