"""Lips of the motion-captured speaker: `python -m model.train mocap DATA RUNS`.

FACEGOOD's takes tell his face by weights of a rig whose shapes nobody published. What each weight
does to our mouth is found from his voice: by least squares against what the mouth regressor makes
of it (one that was trained without his lips), which is wrong in every frame, but
not on average. That is too little movement, as of every mean, so his lips are scaled to move as far
as filmed people's. Writes `RUNS/mocap/<take>-<piece>.npz`: `sound` (samples,) int16 at 16 kHz and
`mouth` (frames, K), in step; to be heard by `motion_features` before another regressor learns.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.avatar import DEFAULT_WEIGHTS
from model.features.encoder import CausalAudioEncoder, load_encoder
from model.motion.denoiser import DenoiserConfig
from model.motion.mouth_regressor import MouthRegressor
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLES_PER_FRAME
from model.train.encoder_batches import PCM_SCALE
from model.train.motion_data import usable_clips
from model.train.motion_features import hear
from model.train.mouth_trainer import regressor_of
from model.train.phone_lips import gap_of
from model.train.provenance import AUDIO_ENCODER, load_mouth
from model.train.recording import decode_audio

# In these takes the picture is so late; found as where the fit is closest.
_LATE_FRAMES = 1
_MOVES = 5e-4  # of a weight that is used at all, its standard deviation
_RIDGE = 1e-2
# Of the frames, the least open ones: there lips are shut, as at rest.
_SHUT_SHARE = 0.05
_PIECE_FRAMES = 15 * FPS

Rows = NDArray[np.float32]


def at_frames(weights: Rows, fps: float, frames: int) -> Rows:
    """Weights (N, W) at `fps` a second, in the middle of each video frame: (frames, W)."""
    places = np.clip((np.arange(frames) + 0.5) * fps / FPS - 0.5, 0, len(weights) - 1)
    low = np.minimum(places.astype(int), len(weights) - 2)
    share = (places - low)[:, None].astype(np.float32)
    return np.asarray(weights[low] * (1 - share) + weights[low + 1] * share, np.float32)


@torch.inference_mode()
def mean_mouth(
    regressor: MouthRegressor, encoder: CausalAudioEncoder, sound: Rows, config: DenoiserConfig
) -> Rows:
    """What the regressor makes of sound (samples,): (frames, K), in whole hops."""
    frames = len(sound) // SAMPLES_PER_FRAME // config.hop_frames * config.hop_frames
    features = hear(encoder, sound[None], frames)[0].astype(np.float32)
    before = config.num_audio_frames - config.hop_frames
    padded = torch.from_numpy(np.pad(features, ((before, 0), (0, 0))))
    windows = padded.unfold(0, config.num_audio_frames, config.hop_frames).mT
    return np.asarray(regressor(windows).flatten(0, 1).numpy(), np.float32)


def retarget(takes: Sequence[Rows], means: Sequence[Rows]) -> list[Rows]:
    """Weights (N, W) of every take as mouths (N, K) that come nearest to `means` (N, K)."""
    weights, mouths = np.concatenate(takes), np.concatenate(means)
    used = weights.std(axis=0) > _MOVES
    centre = weights[:, used].mean(axis=0)
    moved = weights[:, used] - centre
    ridge = _RIDGE * len(moved) * moved.var(axis=0).mean() * np.eye(moved.shape[1])
    back = np.linalg.solve(moved.T @ moved + ridge, moved.T @ mouths)
    return [(take[:, used] - centre) @ back + mouths.mean(axis=0) for take in takes]


def at_peoples_size(mouths: Sequence[Rows], across: Rows, deviation: float) -> list[Rows]:
    """Mouths (N, K) shut at zero, whose opening, by `across` (K,), has this deviation."""
    everything = np.concatenate(mouths)
    opening = everything @ across
    shut = everything[np.argsort(opening)[: round(_SHUT_SHARE * len(opening))]].mean(axis=0)
    gain = deviation / opening.std()
    print(f"opens {gain:.2f} times as far as the regressor says", flush=True)
    return [np.asarray((mouth - shut) * gain, np.float32) for mouth in mouths]


def peoples_deviation(data: Path, runs: Path, across: Rows, mouth: slice) -> float:
    """Median standard deviation of the opening in filmed people's clips, GRID's apart."""
    rows = [r for r in usable_clips(data / "clips.csv", "train") if "grid" not in r["source"]]
    paths = [path for r in rows if (path := runs / "motion" / f"{r['id']}.npz").exists()]
    return float(np.median([(np.load(p)["motion"][:, mouth] @ across).std() for p in paths]))


def main() -> None:
    """Retarget all takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--regressor", type=Path, help="RUNS/mouth_regressor.safetensors if not")
    args = parser.parse_args()
    torch.set_num_threads(1)
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    encoder = load_encoder(AUDIO_ENCODER)
    config = DenoiserConfig(space.dim, encoder.feature_dim, space.num_mouth)
    regressor = regressor_of(config)
    regressor.load_state_dict(
        load_mouth(args.regressor or args.runs / "mouth_regressor.safetensors", AUDIO_ENCODER)
    )
    across = np.asarray(gap_of(space).mean(dim=1).numpy(), np.float32)
    paths = sorted((args.data / "mocap").glob("*.flac"))
    if not paths:
        parser.error(f"found no mocap/*.flac in {args.data}, expected FACEGOOD's takes")
    sounds = [decode_audio(path) for path in paths]
    takes, means = [], []
    for path, sound in zip(paths, sounds, strict=True):
        with np.load(path.with_suffix(".npz")) as arrays:
            weights, fps = arrays["weights"].astype(np.float32), float(arrays["fps"])
        mean = mean_mouth(regressor, encoder, sound, config)[:-_LATE_FRAMES]
        takes.append(at_frames(weights, fps, len(mean) + _LATE_FRAMES)[_LATE_FRAMES:])
        means.append(mean)
    own = retarget(takes, means)
    fit = np.corrcoef(np.concatenate(own) @ across, np.concatenate(means) @ across)[0, 1]
    print(f"correlation of his lips' opening with the regressor's: {fit:.2f}")
    deviation = peoples_deviation(args.data, args.runs, across, space.mouth)
    out = args.runs / "mocap"
    out.mkdir(parents=True, exist_ok=True)
    for path, sound, mouth in zip(
        paths, sounds, at_peoples_size(own, across, deviation), strict=True
    ):
        pcm = np.rint(sound / PCM_SCALE).astype(np.int16)
        for first in range(0, len(mouth), _PIECE_FRAMES):
            piece = mouth[first : first + _PIECE_FRAMES]
            own_sound = pcm[first * SAMPLES_PER_FRAME :][: len(piece) * SAMPLES_PER_FRAME]
            np.savez(
                out / f"{path.stem}-{first // _PIECE_FRAMES}.npz", sound=own_sound, mouth=piece
            )
    print(f"{sum(map(len, own)) / FPS / 60:.1f} minutes")


if __name__ == "__main__":
    main()
