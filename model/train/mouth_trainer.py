"""Training of the mouth regressor: long windows, each hop of them a lesson."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from model.motion.denoiser import DenoiserConfig
from model.motion.mouth_regressor import MouthRegressor
from model.motion.space import MotionSpace
from model.train import checkpoint
from model.train.motion_data import Batch
from model.train.motion_trainer import TrainConfig
from model.train.phone_lips import gap_of
from model.train.provenance import AUDIO_ENCODER, save_mouth

_WINDOW_HOPS = 24
MOUTH_DROPOUT = 0.2
_WEIGHT_DECAY = 0.05
# How much the lips' distance, in face widths, and the steps from frame to frame count.
_GAPS, _STEPS = 2000.0, 0.5


def regressor_of(config: DenoiserConfig, dropout: float = 0.0) -> MouthRegressor:
    """Make a regressor that fits into a denoiser of these sizes."""
    return MouthRegressor(
        config.feature_dim, config.num_audio_frames, config.hop_frames, config.num_mouth, dropout
    )


class MouthLoss:
    """How wrong mouths (B, L, K) are. Contacts weigh as openings do: a mean is what is wanted."""

    def __init__(self, space: MotionSpace) -> None:
        self._weights = torch.linspace(2.0, 0.5, space.num_mouth)
        self._gaps = gap_of(space)

    def __call__(self, error: Tensor) -> Tensor:
        """Mean of squared errors of coefficients, of the lips' distance and of the steps."""
        near = (error**2 * self._weights).mean() + _GAPS * ((error @ self._gaps) ** 2).mean()
        return near + _STEPS * (error.diff(dim=1) ** 2 * self._weights).mean()


class MouthTrainer:
    """Owns the regressor and its optimiser; one `step` per batch."""

    def __init__(self, config: DenoiserConfig, train: TrainConfig, space: MotionSpace) -> None:
        torch.manual_seed(0)
        self.regressor = regressor_of(config, MOUTH_DROPOUT)
        self.steps = 0
        self._config, self._train = config, train
        self._loss = MouthLoss(space)
        self._optimizer = torch.optim.AdamW(
            self.regressor.parameters(), lr=train.learning_rate, weight_decay=_WEIGHT_DECAY
        )

    def new_hops(self, _rng: np.random.Generator) -> int:
        """How many new hops the next batch's windows are to have."""
        return _WINDOW_HOPS

    def step(self, batch: Batch, progress: float) -> float:
        """Take one step on windows of `new_hops`; progress 0..1 sets the rate."""
        t = self._train
        rate = min(1.0, (self.steps + 1) / t.warmup_steps) * max(1 - progress, 0.02)
        for group in self._optimizer.param_groups:
            group["lr"] = t.learning_rate * rate
        muted = torch.rand(len(batch.features), 1, 1) < t.audio_dropout
        features = torch.where(muted, torch.zeros(()), batch.features)
        clean = batch.motion[:, self._config.num_motion_frames :, : self._config.num_mouth]
        loss = self._loss(self._along(features) - clean)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.steps += 1
        return float(loss.detach())

    def _along(self, features: Tensor) -> Tensor:
        """Mouths (B, L, K) of all new frames of features (B, N + L, D), hop by hop."""
        c = self._config
        first = c.num_motion_frames + c.hop_frames - c.num_audio_frames
        windows = features[:, first:].unfold(1, c.num_audio_frames, c.hop_frames).mT
        mouths: Tensor = self.regressor(windows.flatten(0, 1))
        return mouths.reshape(len(features), -1, c.num_mouth)

    def save(self, path: Path) -> None:
        """Write a checkpoint to resume from."""
        state = {
            "regressor": self.regressor.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "steps": self.steps,
        }
        checkpoint.write(path, state)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.regressor.load_state_dict(state["regressor"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def start_from(self, path: Path) -> None:
        """Start at an exported regressor, whatever encoder it hears by."""
        self.regressor.load_state_dict(load_file(path))

    def export(self, path: Path) -> None:
        """Write the weights, for `MotionTrainer.take_mouth`."""
        save_mouth(self.regressor.state_dict(), path, AUDIO_ENCODER)
