"""Training of the audio encoder: what starts from another one does not forget what that knows."""

from pathlib import Path

import pytest
import torch

from model.avatar import DEFAULT_WEIGHTS
from model.features.encoder import EncoderConfig
from model.train import encoder_trainer
from model.train.encoder_batches import Batch
from model.train.encoder_phones import PHONES
from model.train.encoder_targets import HIDDEN_TARGET_DIM
from model.train.encoder_trainer import Trainer

WEIGHTS = DEFAULT_WEIGHTS / "audio_encoder.safetensors"
TOKENS = ("<blank>", "a", "m")
FRAMES, CROPS = 12, 2


def batch() -> Batch:
    rows = (CROPS, 2 * FRAMES)
    return Batch(
        samples=0.1 * torch.randn(CROPS, FRAMES * 640),
        hidden=torch.randn(*rows, HIDDEN_TARGET_DIM),
        log_probs=torch.randn(*rows, len(TOKENS)).log_softmax(-1),
        phone_probs=torch.randn(*rows, len(PHONES)).softmax(-1),
        speech=torch.ones(rows, dtype=torch.long),
        acoustics=torch.randn(*rows, 3),
        taught=torch.ones(rows, dtype=torch.bool),
    )


def moved(trainer: Trainer, before: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(w, before[k]) for k, w in trainer.encoder.state_dict().items())


def test_new_heads_learn_alone_before_the_encoder_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(encoder_trainer, "_HEADS_ALONE_STEPS", 2)
    trainer = Trainer(TOKENS, 10, 1e-3, EncoderConfig())
    trainer.start_from(WEIGHTS)
    before = {k: w.clone() for k, w in trainer.encoder.state_dict().items()}
    heads = trainer.heads.phones.weight.detach().clone()
    for _ in range(2):
        trainer.learn(batch())
    assert not moved(trainer, before)
    assert not torch.equal(trainer.heads.phones.weight, heads)
    trainer.learn(batch())
    assert moved(trainer, before)


def test_a_checkpoint_goes_on_where_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trainer = Trainer(TOKENS, 10, 1e-3, EncoderConfig())
    trainer.learn(batch())
    trainer.save(tmp_path / "checkpoint.pt")
    again = Trainer(TOKENS, 10, 1e-3, EncoderConfig())
    again.load(tmp_path / "checkpoint.pt")
    assert again.step == 1
    assert not moved(again, trainer.encoder.state_dict())
    other = Trainer(TOKENS, 10, 1e-3, EncoderConfig(lookahead_frames=1))
    with pytest.raises(ValueError, match=r"lookahead_frames=3\), expected .*lookahead_frames=1\)"):
        other.load(tmp_path / "checkpoint.pt")
