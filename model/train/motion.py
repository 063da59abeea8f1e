"""Train the mouth regressor, and then the motion denoiser, which moves all else.

python -m model.train motion DATA RUNS --mouth --learning-rate 1e-3 --batch-windows 40
python -m model.train motion DATA RUNS --regressor RUNS/encoder/mouth_regressor.safetensors

Each resumes from its checkpoint in RUNS and exports its weights: the one to RUNS, the other in the
product's format, with the regressor. `--minutes 0` puts a new regressor into given weights.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from model.avatar import DEFAULT_WEIGHTS
from model.motion.denoiser import DenoiserConfig
from model.motion.space import MotionSpace
from model.train.motion_data import (
    CAPTURED,
    GRID_SHARE,
    SPOKEN,
    WindowSampler,
    load_recordings,
    load_voices,
    usable_clips,
)
from model.train.motion_trainer import MotionTrainer, TrainConfig
from model.train.mouth_trainer import MouthTrainer
from model.train.provenance import AUDIO_ENCODER, check_features

# Of the denoiser's windows: the man of most clips keeps head and brows still, by instruction.
_STILL_SHARE = 1 / 7


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
        help="train on clips whose licence begins so, and on no captured lips: CC-BY-4.0 is GRID",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--mouth", action="store_true", help="train the mouth regressor")
    what.add_argument("--regressor", type=Path, help="train what moves all but this one's mouth")
    parser.add_argument("--export", type=Path, help="where to, if not as said above")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    rows = usable_clips(args.data / "clips.csv", "train")
    rows = [row for row in rows if row["licence"].startswith(args.licence)]
    features = args.runs / "features"
    check_features(features, AUDIO_ENCODER)
    recordings = load_recordings(rows, args.runs / "motion", features, space)
    others = [r for r in recordings if not r.speaker.startswith("grid")]
    people = others or recordings
    # Lips that no camera saw have no head of their own for the denoiser to learn.
    lips = (SPOKEN,) if args.licence else (SPOKEN, CAPTURED)
    for name in lips if args.mouth else ():
        recordings += load_voices(
            args.runs / name, features, space, people, np.random.default_rng(0)
        )
    frames = sum(len(r.motion) for r in recordings)
    print(f"{len(recordings)} recordings, {frames / 25 / 60:.1f} minutes")
    config = DenoiserConfig(space.dim, recordings[0].features.shape[-1], space.num_mouth)
    train = TrainConfig(args.batch_windows, args.learning_rate)
    trainer: MouthTrainer | MotionTrainer
    if args.mouth:
        trainer, checkpoint = MouthTrainer(config, train, space), args.runs / "mouth_regressor.pt"
        export = args.export or checkpoint.with_suffix(".safetensors")
    else:
        trainer, checkpoint = MotionTrainer(config, train), args.runs / "motion_denoiser.pt"
        export = args.export or DEFAULT_WEIGHTS / "motion_denoiser.safetensors"
    if checkpoint.exists():
        if args.start_from is not None:
            parser.error(
                f"found {checkpoint}, from which a run goes on, and --start-from: expected one of"
                " them; move the checkpoint away to begin anew"
            )
        trainer.resume(checkpoint)
        print(f"resumed at step {trainer.steps}")
    elif args.start_from is not None:
        trainer.start_from(args.start_from)
    if isinstance(trainer, MotionTrainer):
        trainer.take_mouth(args.regressor)
    idle = np.load(features / "idle.npy")
    sampler = WindowSampler(
        recordings,
        idle,
        space,
        config.num_motion_frames,
        trainer.steps,
        GRID_SHARE if args.mouth or not others else _STILL_SHARE,
    )
    rng = np.random.default_rng(trainer.steps)
    begin = saved = time.monotonic()
    losses: list[float] = []
    while (elapsed := time.monotonic() - begin) < args.minutes * 60:
        batch = sampler.draw(train.batch_windows, trainer.new_hops(rng) * config.hop_frames)
        losses.append(trainer.step(batch, elapsed / (args.minutes * 60)))
        if trainer.steps % 100 == 0:
            print(f"{trainer.steps} {elapsed:.0f}s loss {np.mean(losses[-100:]):.4f}", flush=True)
        if time.monotonic() - saved > train.checkpoint_s:
            trainer.save(checkpoint)
            trainer.export(export)
            saved = time.monotonic()
    trainer.save(checkpoint)
    trainer.export(export)


if __name__ == "__main__":
    main()
