"""One training step of the motion denoiser, and what is kept of many.

The loss is flow matching with the clean motion as target, plus velocities. The mouth is not in it:
`model.train.mouth_trainer` has learned that before.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file
from torch import Tensor

from model.avatar import DEFAULT_WEIGHTS, part_digests
from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.guidance import Denoise, guided
from model.motion.motion_model import MotionModel
from model.motion.sampler import euler_flow_sampler
from model.train import checkpoint
from model.train.motion_data import Batch
from model.train.provenance import AUDIO_ENCODER, load_mouth

# How much the steps from frame to frame count.
_STEPS = 0.5


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation: batch in windows, learning rate, and how the past is disturbed.

    rollout_hops: hops of its own making that the model may get as its past.
    rollout_after_steps: from when on.
    past_noise: largest standard deviation of noise added to the motion frames.
    """

    batch_windows: int = 192
    learning_rate: float = 6e-4
    warmup_steps: int = 200
    weight_decay: float = 0.02
    rollout_hops: int = 4
    rollout_share: float = 0.35
    rollout_after_steps: int = 800
    past_noise: float = 0.4
    audio_dropout: float = 0.05
    checkpoint_s: float = 180.0


def face_loss(denoised: Tensor, clean: Tensor, last: Tensor) -> Tensor:
    """Distance between denoised and true faces (B, H, F), given the last one before them."""
    steps = torch.cat([last, denoised], 1).diff(dim=1) - torch.cat([last, clean], 1).diff(dim=1)
    return ((denoised - clean) ** 2).mean() + _STEPS * (steps**2).mean()


@dataclass(frozen=True)
class Conditions:
    """What one hop of every window of a batch is denoised under; see `MotionDenoiser`."""

    motion_frames: Tensor
    audio_features: Tensor
    head_speed: Tensor

    @classmethod
    def of_hop(
        cls, config: DenoiserConfig, hop: int, motion: Tensor, features: Tensor, batch: Batch
    ) -> "Conditions":
        """Cut them out of windows whose first new frame is number `num_motion_frames`."""
        start = config.num_motion_frames + hop * config.hop_frames
        stop = start + config.hop_frames
        return cls(
            motion[:, start - config.num_motion_frames : start],
            features[:, stop - config.num_audio_frames : stop],
            batch.head_speed,
        )

    def bind(self, denoiser: MotionDenoiser) -> Denoise:
        """Return the denoiser under these conditions, without guidance."""
        return guided(denoiser, self.motion_frames, self.audio_features, self.head_speed, 1.0)


class MotionTrainer:
    """Owns network, optimiser and average; one `step` per batch."""

    def __init__(self, config: DenoiserConfig, train: TrainConfig) -> None:
        torch.manual_seed(0)
        self.denoiser = MotionDenoiser(config)
        self.denoiser.regressor.requires_grad_(False)
        self.train = train
        self.steps = 0
        self._optimizer = torch.optim.AdamW(
            self.denoiser.parameters(),
            lr=train.learning_rate,
            weight_decay=train.weight_decay,
            betas=(0.9, 0.98),
        )
        self._begin_average()

    def new_hops(self, rng: np.random.Generator) -> int:
        """How many new hops the next batch's windows are to have: before the last, its own past."""
        t = self.train
        rolls = self.steps >= t.rollout_after_steps and rng.random() < t.rollout_share
        return 1 + (int(rng.integers(1, t.rollout_hops + 1)) if rolls else 0)

    def step(self, batch: Batch, progress: float) -> float:
        """Take one step on windows of `new_hops`; progress 0..1 sets the rate."""
        c, t = self.denoiser.config, self.train
        rollout_hops = (batch.motion.shape[1] - c.num_motion_frames) // c.hop_frames - 1
        rate = min(1.0, (self.steps + 1) / t.warmup_steps) * max(1 - progress, 0.02)
        for group in self._optimizer.param_groups:
            group["lr"] = t.learning_rate * rate
        motion, features = batch.motion.clone(), batch.features
        past_noise = torch.rand(len(motion), 1, 1) * t.past_noise
        motion[:, : c.num_motion_frames] += past_noise * torch.randn_like(
            motion[:, : c.num_motion_frames]
        )
        muted = torch.rand(len(motion), 1, 1) < t.audio_dropout
        features = torch.where(muted, torch.zeros(()), features)
        for hop in range(rollout_hops):
            self._roll_out(motion, features, batch, hop)
        start = c.num_motion_frames + rollout_hops * c.hop_frames
        stop = start + c.hop_frames
        given = Conditions.of_hop(c, rollout_hops, motion, features, batch)
        clean = batch.motion[:, start:stop]
        sigma = torch.sigmoid(torch.randn(len(clean)) * 1.2 + 0.8)
        sigma[: len(sigma) // 4] = 1.0
        level = sigma[:, None, None]
        noisy = (1 - level) * clean + level * torch.randn_like(clean)
        denoised = given.bind(self.denoiser)(noisy, sigma)
        loss = face_loss(
            denoised[..., c.num_mouth :],
            clean[..., c.num_mouth :],
            given.motion_frames[:, -1:, c.num_mouth :],
        )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.denoiser.parameters(), 1.0)
        self._optimizer.step()
        self.average.step(self.denoiser.parameters())
        self.steps += 1
        return float(loss.detach())

    @torch.no_grad()
    def _roll_out(self, motion: Tensor, features: Tensor, batch: Batch, hop: int) -> None:
        c = self.denoiser.config
        start = c.num_motion_frames + hop * c.hop_frames
        stop = start + c.hop_frames
        given = Conditions.of_hop(c, hop, motion, features, batch)
        noise = torch.randn(len(motion), c.hop_frames, c.motion_dim)
        motion[:, start:stop] = euler_flow_sampler(given.bind(self.denoiser), noise, 1)

    def save(self, path: Path) -> None:
        """Write a checkpoint to resume from."""
        state = {
            "denoiser": self.denoiser.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self.average.state_dict(),
            "steps": self.steps,
        }
        checkpoint.write(path, state)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.denoiser.load_state_dict(state["denoiser"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.steps = state["steps"]

    def start_from(self, path: Path) -> None:
        """Start at exported weights, whatever features they were trained on."""
        weights = {name: w.float() for name, w in load_file(path).items()}
        self.denoiser.load_state_dict(weights)
        self._begin_average()

    def take_mouth(self, path: Path) -> None:
        """Take another mouth regressor, as exported; what has been learned of the rest stays.

        Raises ValueError when it hears by another audio encoder than the product's.
        """
        self.denoiser.regressor.load_state_dict(load_mouth(path, AUDIO_ENCODER))

    def _begin_average(self) -> None:
        self.average = EMAModel(self.denoiser.parameters(), decay=0.998, use_ema_warmup=True)

    def export(self, path: Path) -> None:
        """Write the averaged weights in the product's format."""
        averaged = MotionDenoiser(self.denoiser.config)
        averaged.load_state_dict(self.denoiser.state_dict())
        self.average.copy_to(averaged.parameters())
        averaged.regressor.load_state_dict(self.denoiser.regressor.state_dict())
        MotionModel(averaged, part_digests(DEFAULT_WEIGHTS)).save(path)
