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
from model.frames.mouth_code import DiagonalGaussian
from model.frames.painter import has_bfloat16, save_frame_denoiser
from model.train import checkpoint
from model.train.frame_critic import FrameCritic, critic_loss, painter_losses
from model.train.frame_lessons import FrameBatch

# About a tooth.
_LAYOUT_PX = 6


@dataclass(frozen=True)
class FrameTrainConfig:
    """Optimisation and the weights of the losses.

    pure_noise_share: of lessons that start from noise alone. past_noise: largest standard deviation
    of noise added to the motion frames. own_past_share: of batches whose newest motion frames are
    the model's own; no_past_share: of lessons without any, as at a session's start.
    code_weight: of each nat that the code of the true mouth tells beyond what was expected. This
    weight and the code's noise grow from the first to the second of code_warmup_steps: had they
    been there from the beginning, no code would ever be used (Bowman et al. 2016,
    arXiv:1511.06349).
    """

    batch_lessons: int = 16
    learning_rate: float = 5e-4
    critic_learning_rate: float = 6e-4
    warmup_steps: int = 200
    weight_decay: float = 0.01
    pure_noise_share: float = 0.85
    past_noise: float = 0.15
    own_past_share: float = 0.5
    no_past_share: float = 0.3
    code_weight: float = 5e-4
    code_warmup_steps: tuple[int, int] = (400, 1_600)
    critic_weight: float = 0.05
    feature_weight: float = 0.5
    layout_weight: float = 2.0
    checkpoint_s: float = 180.0

    def __post_init__(self) -> None:
        first, last = self.code_warmup_steps
        if first >= last:
            raise ValueError(f"code_warmup_steps are {first} and {last}, expected the second later")


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


def layout_loss(painted: Tensor, drawn: Tensor, locator: Tensor) -> Tensor:
    """L1 between pictures (n, 3, S, S) without their detail, over what may be painted."""
    away = F.avg_pool2d((painted - drawn) * locator, _LAYOUT_PX)
    return away.abs().mean() / locator.mean().clamp(min=1e-3)


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
        """Take one step; progress 0..1 sets the rate. Returns the losses by name.

        A criticised batch's second half is painted from codes of the drawn mouths, as the product
        paints: the critic judges whether they look real, and they are held to the drawing's layout.
        """
        t = self.train
        rate = min(1.0, (self.steps + 1) / t.warmup_steps) * max(1 - progress, 0.02)
        for group in self._optimizer.param_groups:
            group["lr"] = t.learning_rate * rate
        for group in self._critic_optimizer.param_groups:
            group["lr"] = t.critic_learning_rate * max(1 - progress, 0.1)
        count = len(batch.warps)
        sees_truth = (
            torch.arange(count) < (count + 1) // 2
            if criticised
            else torch.ones(count, dtype=torch.bool)
        )
        first, last = t.code_warmup_steps
        annealed = min(max((self.steps - first) / (last - first), 0.0), 1.0)
        code_noise = annealed * torch.randn(count, self.denoiser.config.code_size)
        warp, truth, locator = batch.warps[:, -1], batch.truths[:, -1], batch.locators[:, -1]
        past = self._past(batch, sees_truth, code_noise, always_own=criticised)
        change = truth - warp
        share = 1.0 if criticised else t.pure_noise_share
        sigma = torch.sigmoid(torch.randn(count))
        sigma[torch.rand(count) < share] = 1.0
        level = sigma[:, None, None, None]
        noisy = (1 - level) * change + level * NOISE_SCALE * torch.randn_like(change)
        with self._autocast():
            expected, read = self._codes(batch, -1, sees_truth)
            code = read.sample(code_noise)
            features = self.denoiser.reference_net(batch.reference)
            denoised = self.denoiser(noisy, sigma, warp, locator, past, features, code)
        painted = warp + denoised.float()
        losses = {
            "picture": picture_loss(painted[sees_truth], truth[sees_truth], locator[sees_truth]),
            "kl": read.kl(expected)[sees_truth].mean(),
        }
        total = losses["picture"] + annealed * t.code_weight * losses["kl"]
        if criticised:
            with self._autocast():
                real = self.critic(truth, warp, batch.reference)
                judged = self.critic(painted, warp, batch.reference)
                losses["adversarial"], losses["features"] = painter_losses(
                    real, judged, locator, sees_truth
                )
            total = total + t.critic_weight * losses["adversarial"]
            total = total + t.feature_weight * losses["features"]
            losses["layout"] = layout_loss(
                painted[~sees_truth], warp[~sees_truth], locator[~sees_truth]
            )
            total = total + t.layout_weight * losses["layout"]
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.denoiser.parameters(), 1.0)
        self._optimizer.step()
        self.average.step(self.denoiser.parameters())
        if criticised:
            losses["critic"] = self._teach_critic(painted.detach(), batch)
        self.steps += 1
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _codes(
        self, batch: FrameBatch, frame: int, sees_truth: Tensor
    ) -> tuple[DiagonalGaussian, DiagonalGaussian]:
        """What is expected of the mouths in one frame of each lesson, and what they are.

        Who is not told the true mouth is told the drawn one.
        """
        warp, locator = batch.warps[:, frame], batch.locators[:, frame]
        shown = torch.where(sees_truth[:, None, None, None], batch.truths[:, frame], warp)
        code = self.denoiser.mouth_code
        expected = code.prior(warp, locator, batch.reference)
        return expected, code.posterior(shown, warp, locator, batch.reference)

    def _teach_critic(self, painted: Tensor, batch: FrameBatch) -> Tensor:
        warp, truth = batch.warps[:, -1], batch.truths[:, -1]
        with self._autocast():
            loss: Tensor = critic_loss(
                self.critic(truth, warp, batch.reference),
                self.critic(painted, warp, batch.reference),
                batch.locators[:, -1],
            )
        self._critic_optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._critic_optimizer.step()
        return loss

    @torch.no_grad()
    def _past(
        self, batch: FrameBatch, sees_truth: Tensor, code_noise: Tensor, *, always_own: bool
    ) -> Tensor:
        """Motion frames (B, 3 * N, S, S) of each lesson: true, own or none; disturbed.

        Who is not told the true mouth has not seen a true picture.
        """
        t = self.train
        count = len(batch.warps)
        known = batch.truths[:, -3:-1].clone()
        kept = torch.rand(count) >= t.no_past_share
        if always_own or torch.rand(()) < t.own_past_share:
            before = (batch.truths[:, -4:-2] * sees_truth[:, None, None, None, None]).flatten(1, 2)
            noise = NOISE_SCALE * torch.randn_like(known[:, 0])
            warp, locator = batch.warps[:, -2], batch.locators[:, -2]
            with self._autocast():
                code = self._codes(batch, -2, sees_truth)[1].sample(code_noise)
                features = self.denoiser.reference_net(batch.reference)
                sigma = torch.ones(count)
                change = self.denoiser(noise, sigma, warp, locator, before, features, code)
            known[:, 1] = warp + change.float()
            known[:, 0] = torch.where(sees_truth[:, None, None, None], known[:, 0], known[:, 1])
        noise_level = torch.rand(count, 1, 1, 1, 1) * t.past_noise
        known = known + noise_level * torch.randn_like(known)
        return (known * kept[:, None, None, None, None]).flatten(1, 2)

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16())

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
        """Go on from a checkpoint; raises ValueError when it is another network's."""
        state = torch.load(path, weights_only=False)
        own = {name: weight.shape for name, weight in self.denoiser.state_dict().items()}
        found = {name: weight.shape for name, weight in state["denoiser"].items()}
        if found != own:
            raise ValueError(
                f"{path} is of another network: found {len(found)} weights, of which"
                f" {len(found.items() & own.items())} fit, expected {len(own)}: move it away"
            )
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
