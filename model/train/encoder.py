"""Train the audio encoder.

python -m model.train.encoder corpus --data DIR  # speech and its targets -> RUN_DIR/corpus.npz
python -m model.train.encoder fit                # resumes from RUN_DIR/checkpoint.pt
python -m model.train.encoder fit --start-from OLD --data DIR --regressor MOUTH  # from mouths, too
python -m model.train.encoder fit --data DIR --regressor MOUTH  # resumes such a run
python -m model.train.encoder average A.pt B.pt  # their mean -> RUN_DIR/checkpoint.pt
python -m model.train.encoder export             # -> model/weights/audio_encoder.safetensors
python -m model.train.encoder report             # accuracy on `val`, by who speaks
python -m model.train.encoder lookahead          # phone error by how far it hears ahead

RUN_DIR is runs/encoder unless --run-dir says otherwise. With --regressor, mouths come from the
folders beside it (`motion`, `voices`, `spoken`, `mocap`), and `export` writes the mouth regressor
that was trained along to RUN_DIR: it fits no other encoder.
"""

import argparse
import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from model.features.encoder import EncoderConfig, save_encoder
from model.motion.denoiser import DenoiserConfig
from model.motion.space import MotionSpace
from model.rates import FPS
from model.train.encoder_batches import Batches, Corpus
from model.train.encoder_dense import phone_probs
from model.train.encoder_lips import (
    LipsBatch,
    LipsBatches,
    LipsHead,
    read_mouths,
    regressor_weights,
)
from model.train.encoder_lookahead import lookahead
from model.train.encoder_report import report
from model.train.encoder_targets import pack
from model.train.encoder_trainer import Trainer, average, read_checkpoint
from model.train.mouth_trainer import MOUTH_DROPOUT, regressor_of
from model.train.provenance import AUDIO_ENCODER, load_mouth, save_mouth

CHECKPOINT = "checkpoint.pt"
MOUTH_REGRESSOR = "mouth_regressor.safetensors"

B = TypeVar("B")
_CROP_FRAMES = 80

_LOG_EVERY_STEPS = 25
_SAVE_EVERY_STEPS = 100


def fit(options: argparse.Namespace) -> None:
    """Trains to `options.steps`, from the checkpoint in run_dir if there is one."""
    run_dir, steps = options.run_dir, options.steps
    torch.manual_seed(options.seed)
    corpus = Corpus(run_dir)
    encoder = EncoderConfig(lookahead_frames=options.lookahead_frames)
    trainer = Trainer(corpus.tokens, steps, options.learning_rate, encoder)
    if options.start_from is not None:
        trainer.start_from(options.start_from)
    if options.regressor is not None:
        space = MotionSpace.load(AUDIO_ENCODER.parent / "motion_space.safetensors")
        sizes = DenoiserConfig(space.dim, trainer.encoder.feature_dim, space.num_mouth)
        regressor = regressor_of(sizes, MOUTH_DROPOUT)
        if options.start_from is not None:
            regressor.load_state_dict(load_mouth(options.regressor, options.start_from))
        trainer.add_lips(LipsHead(regressor, sizes.num_audio_frames, space))
    saved = run_dir / CHECKPOINT
    if saved.exists():
        trainer.load(saved)
        print(f"resuming at step {trainer.step}, with all that the checkpoint holds")
    seed = options.seed + trainer.step
    # Rooms and noises are made in processes of their own, while the network learns.
    made = iter(_in_background(Batches(corpus, options.batch_size, _CROP_FRAMES, seed)))
    heard: Iterator[LipsBatch | None] = itertools.repeat(None)
    if options.regressor is not None:
        mouths = read_mouths(options.data, run_dir.parent, space)
        minutes = sum(len(own.mouth) for own in mouths) / FPS / 60
        print(f"{len(mouths)} mouths, {minutes:.1f} minutes")
        heard = iter(_in_background(LipsBatches(mouths, options.lips_batch, _CROP_FRAMES, seed)))
    started_s = time.monotonic()
    recent: defaultdict[str, float] = defaultdict(float)
    while trainer.step < steps:
        for name, loss in trainer.learn(next(made), next(heard)).items():
            recent[name] += loss / _LOG_EVERY_STEPS
        if trainer.step % _LOG_EVERY_STEPS == 0:
            figures = " ".join(f"{name} {value:.3f}" for name, value in recent.items())
            print(f"{trainer.step} {time.monotonic() - started_s:.0f} s {figures}", flush=True)
            recent.clear()
        if trainer.step % _SAVE_EVERY_STEPS == 0 or trainer.step == steps:
            trainer.save(saved)


def _in_background(batches: IterableDataset[B]) -> DataLoader[B]:
    return DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)


def label(run_dir: Path, seed: int) -> None:
    """Adds phone probabilities to the corpus in run_dir."""
    with np.load(run_dir / "corpus.npz") as arrays:
        train = np.repeat(arrays["splits"] == "train", arrays["frame_counts"])
        probs = phone_probs(arrays["hidden"], arrays["phones"], train, seed)
    np.save(run_dir / "phone_probs.npy", probs)


def export(run_dir: Path, path: Path) -> None:
    """Writes the checkpoint's encoder to `path`, its mouth regressor, if any, to run_dir."""
    state = read_checkpoint(run_dir / CHECKPOINT)
    save_encoder(EncoderConfig(**state["config"]), state["encoder"], path)
    if state["lips"] is not None:
        save_mouth(regressor_weights(state["lips"]), run_dir / MOUTH_REGRESSOR, path)


def _what_is_wrong(options: argparse.Namespace) -> str | None:
    """Say which options do not go together."""
    task, saved = options.task, options.run_dir / CHECKPOINT
    resumes, with_lips = saved.exists(), options.regressor is not None
    starts = options.start_from is not None
    faults = {
        "corpus needs --data DIR, the directory with clips.csv and speech.csv": (
            task == "corpus" and options.data is None
        ),
        "fit --regressor needs --data DIR, the directory with clips.csv": (
            task == "fit" and with_lips and options.data is None
        ),
        "fit --regressor needs --start-from, the encoder it hears by": (
            task == "fit" and with_lips and not starts and not resumes
        ),
        f"found {saved}, from which a run goes on, and --start-from: expected one of them; move the"
        " checkpoint away to begin anew": task == "fit" and starts and resumes,
        "average needs two checkpoints or more": (
            task == "average" and len(options.checkpoints) < 2
        ),
        f"{task} takes no checkpoints": task != "average" and bool(options.checkpoints),
    }
    return next((fault for fault, found in faults.items() if found), None)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "task", choices=("corpus", "fit", "average", "export", "report", "lookahead")
    )
    parser.add_argument("checkpoints", type=Path, nargs="*", help="what to average")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/encoder"))
    parser.add_argument("--data", type=Path, help="directory with clips.csv and speech.csv")
    parser.add_argument("--start-from", type=Path, help="weights of another encoder (fit)")
    parser.add_argument("--lookahead-frames", type=int, default=EncoderConfig.lookahead_frames)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--regressor", type=Path, help="learn from mouths, too, with this (fit)")
    parser.add_argument("--lips-batch", type=int, default=20, help="crops of sound with a mouth")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if wrong := _what_is_wrong(options):
        parser.error(wrong)
    torch.set_num_threads(options.threads)
    match options.task:
        case "corpus":
            # The voices come with the extra `voices`, which nothing but this step needs.
            from model.train.encoder_corpus import recordings

            corpus = recordings(options.data, options.seed)
            pack(corpus, options.run_dir / "corpus.npz", options.seed)
            label(options.run_dir, options.seed)
        case "fit":
            fit(options)
        case "average":
            average(options.checkpoints, options.run_dir / CHECKPOINT)
        case "export":
            export(options.run_dir, AUDIO_ENCODER)
        case "report":
            report(options.run_dir, AUDIO_ENCODER)
        case "lookahead":
            lookahead(options.run_dir, AUDIO_ENCODER)


if __name__ == "__main__":
    main()
