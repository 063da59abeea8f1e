"""Train the frame denoiser: `python -m model.train frames LESSONS RUNS --minutes 60`.

Resumes from its checkpoint in RUNS and exports averaged weights in the product's format.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from model.avatar import DEFAULT_WEIGHTS
from model.frames.frame_denoiser import FrameDenoiserConfig
from model.train.frame_lessons import FrameLessons
from model.train.frame_trainer import FrameTrainConfig, FrameTrainer


def main() -> None:
    """Train for a number of minutes, with checkpoints, then export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", type=Path)
    parser.add_argument("runs", type=Path, help="gets checkpoints")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--learning-rate", type=float, default=FrameTrainConfig.learning_rate)
    parser.add_argument(
        "--critic-after", type=float, default=0.5, help="share of the time before the critic comes"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--export", type=Path, default=DEFAULT_WEIGHTS / "frame_denoiser.safetensors"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    lessons = FrameLessons(args.lessons, "train")
    print(f"{len(lessons)} portraits")
    train = FrameTrainConfig(learning_rate=args.learning_rate)
    trainer = FrameTrainer(FrameDenoiserConfig(), train)
    checkpoint = args.runs / "frame_denoiser.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
        print(f"resumed at step {trainer.steps}")
    rng = np.random.default_rng(trainer.steps)
    begin = saved = time.monotonic()
    recent: dict[str, list[float]] = defaultdict(list)
    while (elapsed := time.monotonic() - begin) < args.minutes * 60:
        progress = elapsed / (args.minutes * 60)
        batch = lessons.draw(train.batch_lessons, rng)
        for name, loss in trainer.step(batch, progress >= args.critic_after, progress).items():
            recent[name].append(loss)
        if trainer.steps % 100 == 0:
            means = " ".join(f"{name} {np.mean(values):.4f}" for name, values in recent.items())
            print(f"{trainer.steps} {elapsed:.0f}s {means}", flush=True)
            recent.clear()
        if time.monotonic() - saved > train.checkpoint_s:
            trainer.save(checkpoint)
            trainer.export(args.export)
            saved = time.monotonic()
    trainer.save(checkpoint)
    trainer.export(args.export)


if __name__ == "__main__":
    main()
