"""One training step of the frame denoiser, and what is kept of many.

First as a teacher by flow matching with the clean change as target; then, from pure noise in one
evaluation, against a critic (adversarial diffusion distillation, Sauer et al. 2023,
arXiv:2311.17042), so that one evaluation is sharp.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.nn import functional as F

from model.frames.frame_denoiser import NOISE_SCALE, FrameDenoiser, FrameDenoiserConfig
from model.frames.painter import save_frame_denoiser
from model.train import checkpoint
from model.train.frame_critic import FrameCritic, critic_loss, painter_losses
from model.train.frame_lessons import FrameBatch


@dataclass(frozen=True)
class FrameTrainConfig:
    """Optimisation and the weights of the losses.

    pure_noise_share: of lessons that start from noise alone. past_noise: largest standard deviation
    of noise added to the motion frames. own_past_share: of batches whose newest motion frames are
    the model's own; no_past_share: of lessons without any, as at a session's start.
    """

    batch_lessons: int = 16
    learning_rate: float = 5e-4
    critic_learning_rate: float = 2e-4
    warmup_steps: int = 200
    weight_decay: float = 0.01
    pure_noise_share: float = 0.6
    past_noise: float = 0.15
    own_past_share: float = 0.5
    no_past_share: float = 0.2
    critic_weight: float = 0.04
    feature_weight: float = 4.0
    checkpoint_s: float = 180.0


def picture_loss(painted: Tensor, truth: Tensor, locator: Tensor) -> Tensor:
    """L1 over a Laplacian pyramid (n, 3, S, S): detail counts as much as shade.

    A mean over what may be painted of all pictures, so that shut mouths take nothing away.
    """
    share = locator.mean().clamp(min=1e-3)
    difference = painted - truth
    total = difference.abs().mean()
    for _ in range(3):
        coarse = F.avg_pool2d(difference, 2)
        total = total + (difference - F.interpolate(coarse, scale_factor=2)).abs().mean()
        difference = coarse
    return (total + 2 * difference.abs().mean()) / share


class FrameTrainer:
    """Owns networks, optimisers and average; one `step` per batch."""

    def __init__(self, config: FrameDenoiserConfig, train: FrameTrainConfig) -> None:
        torch.manual_seed(0)
        self.denoiser = FrameDenoiser(config)
        self.critic = FrameCritic()
        for network in (self.denoiser, self.critic):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train = train
        self.steps = 0
        self._optimizer = torch.optim.AdamW(
            self.denoiser.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay
        )
        self._critic_optimizer = torch.optim.Adam(
            self.critic.parameters(), lr=train.critic_learning_rate, betas=(0.5, 0.9)
        )
        self.average = EMAModel(self.denoiser.parameters(), decay=0.998, use_ema_warmup=True)

    def step(self, batch: FrameBatch, criticised: bool, progress: float) -> dict[str, float]:
        """Take one step; progress 0..1 sets the rate. Returns the losses by name."""
        t = self.train
        rate = min(1.0, (self.steps + 1) / t.warmup_steps) * max(1 - progress, 0.02)
        for group in self._optimizer.param_groups:
            group["lr"] = t.learning_rate * rate
        warp, truth, locator = batch.warps[:, -1], batch.truths[:, -1], batch.locators[:, -1]
        past = self._past(batch)
        change = truth - warp
        share = 1.0 if criticised else t.pure_noise_share
        sigma = torch.sigmoid(torch.randn(len(warp)))
        sigma[torch.rand(len(warp)) < share] = 1.0
        level = sigma[:, None, None, None]
        noisy = (1 - level) * change + level * NOISE_SCALE * torch.randn_like(change)
        with torch.autocast("cpu", torch.bfloat16):
            features = self.denoiser.reference_net(batch.reference)
            denoised = self.denoiser(noisy, sigma, warp, locator, past, features)
        painted = warp + denoised.float()
        losses = {"picture": picture_loss(painted, truth, locator)}
        total = losses["picture"]
        if criticised:
            with torch.autocast("cpu", torch.bfloat16):
                real = self.critic(truth, warp, batch.reference)
                judged = self.critic(painted, warp, batch.reference)
                losses["doubt"], losses["features"] = painter_losses(real, judged)
            total = total + t.critic_weight * losses["doubt"]
            total = total + t.feature_weight * losses["features"]
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.denoiser.parameters(), 1.0)
        self._optimizer.step()
        self.average.step(self.denoiser.parameters())
        if criticised:
            losses["critic"] = self._teach_critic(painted.detach(), truth, warp, batch.reference)
        self.steps += 1
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _teach_critic(
        self, painted: Tensor, truth: Tensor, warp: Tensor, reference: Tensor
    ) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            loss: Tensor = critic_loss(
                self.critic(truth, warp, reference), self.critic(painted, warp, reference)
            )
        self._critic_optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._critic_optimizer.step()
        return loss

    @torch.no_grad()
    def _past(self, batch: FrameBatch) -> Tensor:
        """Motion frames (B, 3 * N, S, S) of each lesson: true, own or none; disturbed."""
        t = self.train
        count = len(batch.warps)
        known = batch.truths[:, -3:-1].clone()
        if torch.rand(()) < t.own_past_share:
            before = batch.truths[:, -4:-2].flatten(1, 2)
            noise = NOISE_SCALE * torch.randn_like(known[:, 0])
            warp, locator = batch.warps[:, -2], batch.locators[:, -2]
            with torch.autocast("cpu", torch.bfloat16):
                features = self.denoiser.reference_net(batch.reference)
                change = self.denoiser(noise, torch.ones(count), warp, locator, before, features)
            known[:, 1] = warp + change.float()
        noise_level = torch.rand(count, 1, 1, 1, 1) * t.past_noise
        known = known + noise_level * torch.randn_like(known)
        kept = torch.rand(count, 1, 1, 1, 1) >= t.no_past_share
        return (known * kept).flatten(1, 2)

    def save(self, path: Path) -> None:
        """Write a checkpoint to resume from."""
        state = {
            "denoiser": self.denoiser.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "critic_optimizer": self._critic_optimizer.state_dict(),
            "average": self.average.state_dict(),
            "steps": self.steps,
        }
        checkpoint.write(path, state)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.denoiser.load_state_dict(state["denoiser"])
        self.critic.load_state_dict(state["critic"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._critic_optimizer.load_state_dict(state["critic_optimizer"])
        self.average.load_state_dict(state["average"])
        self.steps = state["steps"]

    def averaged(self) -> FrameDenoiser:
        """Return the network with averaged weights."""
        network = FrameDenoiser(self.denoiser.config)
        network.load_state_dict(self.denoiser.state_dict())
        self.average.copy_to(network.parameters())
        return network.eval()

    def export(self, path: Path) -> None:
        """Write the averaged weights in the product's format."""
        save_frame_denoiser(self.averaged(), path)
