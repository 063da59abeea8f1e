"""Train the motion denoiser, and then its student, which is what ships.

python -m model.train motion DATA RUNS --export RUNS/motion_teacher.safetensors
python -m model.train motion DATA RUNS --teacher RUNS/motion_teacher.safetensors --minutes 12

Each resumes from its checkpoint in RUNS and exports averaged weights in the product's format.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from model.avatar import DEFAULT_WEIGHTS
from model.motion.denoiser import DenoiserConfig
from model.motion.motion_model import load_denoiser
from model.motion.space import MotionSpace
from model.train.motion_data import WindowSampler, load_recordings, load_spoken, usable_clips
from model.train.motion_student import MotionStudentTrainer
from model.train.motion_trainer import MotionTrainer, TrainConfig


def main() -> None:
    """Train for a number of minutes, with checkpoints, then export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, help="holds motion/ and features/; gets checkpoints")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    parser.add_argument("--batch-windows", type=int, default=TrainConfig.batch_windows)
    parser.add_argument("--start-from", type=Path, help="exported weights")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--licence",
        default="",
        help="train on clips whose licence begins so: CC-BY-4.0 is GRID alone",
    )
    parser.add_argument("--teacher", type=Path, help="exported weights; trains its student")
    parser.add_argument(
        "--export", type=Path, default=DEFAULT_WEIGHTS / "motion_denoiser.safetensors"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    rows = usable_clips(args.data / "clips.csv", "train")
    rows = [row for row in rows if row["licence"].startswith(args.licence)]
    recordings = load_recordings(rows, args.runs / "motion", args.runs / "features", space)
    people = [r for r in recordings if not r.speaker.startswith("grid")] or recordings
    recordings += load_spoken(
        args.runs / "spoken", args.runs / "features", space, people, np.random.default_rng(0)
    )
    frames = sum(len(r.motion) for r in recordings)
    print(f"{len(recordings)} recordings, {frames / 25 / 60:.1f} minutes")
    config = DenoiserConfig(space.dim, recordings[0].features.shape[-1])
    train = TrainConfig(args.batch_windows, args.learning_rate)
    if args.teacher is None:
        trainer, checkpoint = MotionTrainer(config, train, space), args.runs / "motion_teacher.pt"
    else:
        trainer = MotionStudentTrainer(load_denoiser(args.teacher), train, space)
        checkpoint = args.runs / "motion_student.pt"
    if args.start_from is not None:
        trainer.start_from(args.start_from)
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
