"""Encoder, heads and perhaps a mouth regressor as they learn, and the checkpoints of it."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from model.features.encoder import SUBFRAMES, CausalAudioEncoder, EncoderConfig
from model.train import checkpoint
from model.train.encoder_batches import Batch
from model.train.encoder_heads import LOSS_WEIGHTS, Heads
from model.train.encoder_lips import LipsBatch, LipsHead

_WARM_UP_STEPS = 60
# Heads that know nothing yet would spoil what the encoder knows.
_HEADS_ALONE_STEPS = 120


class Trainer:
    """Encoder, heads, optimizer and perhaps a mouth regressor; a checkpoint also holds the step."""

    def __init__(
        self, tokens: tuple[str, ...], steps: int, learning_rate: float, config: EncoderConfig
    ) -> None:
        self.encoder = CausalAudioEncoder(config)
        self.heads = Heads(self.encoder.config.subvector_dim, len(tokens))
        self._parameters = [*self.encoder.parameters(), *self.heads.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._parameters, learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.lips: LipsHead | None = None
        self._steps = steps
        self._learning_rate = learning_rate
        self._heads_alone_steps = 0
        self.step = 0

    def add_lips(self, lips: LipsHead) -> None:
        """Teach this mouth regressor, too, and the encoder what it needs."""
        self.lips = lips
        self._optimizer.add_param_group({"params": list(lips.parameters())})
        self._parameters += lips.parameters()

    def save(self, path: Path) -> None:
        """Writes a checkpoint, never half of one."""
        state = {
            "config": asdict(self.encoder.config),
            "encoder": self.encoder.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "heads_alone_steps": self._heads_alone_steps,
            "lips": None if self.lips is None else self.lips.state_dict(),
        }
        checkpoint.write(path, state)

    def load(self, path: Path) -> None:
        """Continues from a checkpoint.

        Raises ValueError when its encoder is of another size or lookahead than this trainer's, or
        it has a mouth regressor and this trainer has none, or the reverse.
        """
        state = read_checkpoint(path)
        if (found := EncoderConfig(**state["config"])) != self.encoder.config:
            raise ValueError(
                f"found {path} of {found}, expected {self.encoder.config}: move it away, or change"
                " the options"
            )
        lips = state["lips"]
        if (lips is None) != (self.lips is None):
            raise ValueError(
                f"found {path} {'without' if lips is None else 'with'} a mouth regressor, expected"
                " the reverse: move it away, or change --regressor"
            )
        self.encoder.load_state_dict(state["encoder"])
        self.heads.load_state_dict(state["heads"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self._heads_alone_steps = state["heads_alone_steps"]
        if self.lips is not None:
            self.lips.load_state_dict(lips)

    def start_from(self, path: Path) -> None:
        """Starts at another encoder, whatever its lookahead; new heads learn alone at first."""
        self._heads_alone_steps = _HEADS_ALONE_STEPS
        self.encoder.load_state_dict({k: w.float() for k, w in load_file(path).items()})

    def learn(self, batch: Batch, lips_batch: LipsBatch | None = None) -> dict[str, float]:
        """One step; the losses before it. Crops of both batches are of one length."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate * self._schedule()
        samples = batch.samples
        if lips_batch is not None:
            samples = torch.cat([samples, lips_batch.samples])
        state = self.encoder.initial_state(len(samples))
        with torch.set_grad_enabled(self.step >= self._heads_alone_steps):
            features, _ = self.encoder.encode(samples, state)
        rows = features.view(
            len(features), -1, self.encoder.config.subvector_dim
        )  # (B, 2n, subvector_dim)
        delay_rows = SUBFRAMES * self.encoder.lookahead_frames
        losses = self.heads.losses(rows[: len(batch.samples)], batch, delay_rows)
        if lips_batch is not None:
            assert self.lips is not None
            losses["lips"] = self.lips.loss(rows[len(batch.samples) :], lips_batch, delay_rows)
        total = sum((LOSS_WEIGHTS[name] * loss for name, loss in losses.items()), torch.zeros(()))
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()}

    def _schedule(self) -> float:
        """Linear warm-up, then half a cosine to zero; factor 0..1."""
        warm_up = (self.step + 1) / _WARM_UP_STEPS
        return min(warm_up, 0.5 + 0.5 * math.cos(math.pi * min(self.step / self._steps, 1)))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads all of it; raises ValueError when an earlier release wrote it."""
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if "config" not in state:
        raise ValueError(
            f"found {path} without `config`, expected a checkpoint of this release:"
            " move it away, and begin with --start-from"
        )
    return state


def average(paths: list[Path], out: Path) -> None:
    """Writes to `out` a checkpoint with the mean of encoder and regressor of those in `paths`.

    For checkpoints that went on from each other (Wortsman et al. 2022, "Model soups",
    arXiv:2203.05482). Heads and optimizer are the last one's: it is to be exported, not trained.
    Raises ValueError when only some have a mouth regressor, or encoders differ in size or
    lookahead, FileExistsError when `out` is there.
    """
    if out.exists():
        raise FileExistsError(f"found {out}, expected none: move it away")
    states = [read_checkpoint(path) for path in paths]
    if len({state["lips"] is None for state in states}) > 1:
        raise ValueError("found checkpoints with and without a mouth regressor, expected one kind")
    if any(state["config"] != states[-1]["config"] for state in states):
        raise ValueError("found encoders of several kinds, expected checkpoints of one run")
    mean = states[-1]
    for part in ("encoder", "lips"):
        if mean[part] is not None:
            weights = [state[part] for state in states]
            mean[part] = {
                name: torch.stack([own[name] for own in weights]).mean(dim=0)
                for name in weights[-1]
            }
    checkpoint.write(out, mean)
