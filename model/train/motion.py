"""Train the motion denoiser: `python -m model.train.motion DATA RUNS [--minutes 40]`.

Resumes from `RUNS/motion_denoiser.pt`; `--export` writes the averaged weights the product loads.
The loss is flow matching with the clean motion as target, plus velocities, lip vertices in face
widths, and the lips' distance, where contact weighs more than opening.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from torch import Tensor

from model.avatar import part_digests
from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.motion_model import MotionModel
from model.motion.sampler import euler_flow_sampler
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.train.motion_data import Batch, WindowSampler, load_recordings, usable_clips
from model.train.motion_space import LIPS

WEIGHTS = Path("model/weights")


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


class MotionLoss:
    """Distance between denoised and true motion (B, H, M), given the last frame before them."""

    def __init__(self, space: MotionSpace) -> None:
        basis = torch.cat([space.mouth_basis, space.brow_basis])
        self._shape = slice(0, len(basis))
        self._lip_basis = basis[:, LIPS].flatten(1)
        upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))
        self._gap_basis = basis[:, lower, 1] - basis[:, upper, 1]
        self._weights = torch.ones(space.dim)
        self._weights[space.mouth] = torch.linspace(2.0, 0.5, space.num_mouth)

    def __call__(self, denoised: Tensor, clean: Tensor, last: Tensor) -> Tensor:
        """Return the loss of each window (B,)."""
        error = (denoised - clean) ** 2 * self._weights
        steps = torch.cat([last, denoised], 1).diff(dim=1) - torch.cat([last, clean], 1).diff(dim=1)
        lips = (denoised - clean)[..., self._shape] @ self._lip_basis * 100
        gap = (denoised - clean)[..., self._shape] @ self._gap_basis * 100
        closed = (clean[..., self._shape] @ self._gap_basis).mean(-1, keepdim=True) < 0.012
        contact = gap**2 * (1 + 3 * closed.float())
        total = error.mean(-1) + 0.5 * (steps**2 * self._weights).mean(-1)
        return torch.as_tensor((total + 0.3 * (lips**2).mean(-1) + 0.15 * contact.mean(-1)).mean(1))


class MotionTrainer:
    """Owns network, optimiser and average; one `step` per batch."""

    def __init__(self, config: DenoiserConfig, train: TrainConfig, space: MotionSpace) -> None:
        torch.manual_seed(0)
        self.denoiser = MotionDenoiser(config)
        self.train = train
        self.steps = 0
        self._loss = MotionLoss(space)
        self._optimizer = torch.optim.AdamW(
            self.denoiser.parameters(),
            lr=train.learning_rate,
            weight_decay=train.weight_decay,
            betas=(0.9, 0.98),
        )
        self.average = EMAModel(self.denoiser.parameters(), decay=0.998, use_ema_warmup=True)

    def step(self, batch: Batch, rollout_hops: int, progress: float) -> float:
        """Take one step on windows of `rollout_hops` + 1 new hops; progress 0..1 sets the rate."""
        c, t = self.denoiser.config, self.train
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
        clean = batch.motion[:, start:stop]
        sigma = torch.sigmoid(torch.randn(len(motion)) * 1.2 + 0.8)
        sigma[: len(sigma) // 4] = 1.0
        level = sigma[:, None, None]
        noisy = (1 - level) * clean + level * torch.randn_like(clean)
        past = motion[:, start - c.num_motion_frames : start]
        audio = features[:, stop - c.num_audio_frames : stop]
        memory = self.denoiser.remember(past, audio)
        denoised = self.denoiser(
            noisy, sigma, memory, audio, batch.head_speed, batch.blink[:, start:stop]
        )
        loss = self._loss(denoised, clean, past[:, -1:]).mean()
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
        audio = features[:, stop - c.num_audio_frames : stop]
        memory = self.denoiser.remember(motion[:, start - c.num_motion_frames : start], audio)
        blink = batch.blink[:, start:stop]

        def denoise(noisy: Tensor, sigma: float) -> Tensor:
            levels = noisy.new_full((len(noisy),), sigma)
            out: Tensor = self.denoiser(noisy, levels, memory, audio, batch.head_speed, blink)
            return out

        noise = torch.randn(len(motion), c.hop_frames, c.motion_dim)
        motion[:, start:stop] = euler_flow_sampler(denoise, noise, 1)

    def save(self, path: Path) -> None:
        """Write a checkpoint to resume from."""
        state = {
            "denoiser": self.denoiser.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self.average.state_dict(),
            "steps": self.steps,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.denoiser.load_state_dict(state["denoiser"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.steps = state["steps"]

    def export(self, path: Path) -> None:
        """Write the averaged weights in the product's format."""
        averaged = MotionDenoiser(self.denoiser.config)
        averaged.load_state_dict(self.denoiser.state_dict())
        self.average.copy_to(averaged.parameters())
        MotionModel(averaged, part_digests(WEIGHTS)).save(path)


def main() -> None:
    """Train for a number of minutes, with checkpoints, then export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="holds motion/ and features/; gets checkpoints")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--licence",
        default="",
        help="train on clips whose licence begins so: CC-BY-4.0 is GRID alone",
    )
    parser.add_argument("--export", type=Path, default=WEIGHTS / "motion_denoiser.safetensors")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    space = MotionSpace.load(WEIGHTS / "motion_space.safetensors")
    rows = usable_clips(args.data / "clips.csv", "train")
    rows = [row for row in rows if row["licence"].startswith(args.licence)]
    recordings = load_recordings(rows, args.runs / "motion", args.runs / "features", space)
    frames = sum(len(r.motion) for r in recordings)
    print(f"{len(recordings)} recordings, {frames / 25 / 60:.1f} minutes")
    config = DenoiserConfig(space.dim, recordings[0].features.shape[-1])
    train = TrainConfig(learning_rate=args.learning_rate)
    trainer = MotionTrainer(config, train, space)
    checkpoint = args.runs / "motion_denoiser.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
        print(f"resumed at step {trainer.steps}")
    idle = np.load(args.runs / "features" / "idle.npy")
    sampler = WindowSampler(recordings, idle, space, config.num_motion_frames, trainer.steps)
    rng = np.random.default_rng(trainer.steps)
    begin = saved = time.monotonic()
    losses: list[float] = []
    while (elapsed := time.monotonic() - begin) < args.minutes * 60:
        rolls = trainer.steps >= train.rollout_after_steps and rng.random() < train.rollout_share
        hops = int(rng.integers(1, train.rollout_hops + 1)) if rolls else 0
        batch = sampler.draw(train.batch_windows, (hops + 1) * config.hop_frames)
        losses.append(trainer.step(batch, hops, elapsed / (args.minutes * 60)))
        if trainer.steps % 100 == 0:
            print(f"{trainer.steps} {elapsed:.0f}s loss {np.mean(losses[-100:]):.4f}", flush=True)
        if time.monotonic() - saved > train.checkpoint_s:
            trainer.save(checkpoint)
            trainer.export(args.export)
            saved = time.monotonic()
    trainer.save(checkpoint)
    trainer.export(args.export)


if __name__ == "__main__":
    main()
