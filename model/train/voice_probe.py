"""Fit the voice probe: `python -m model.train voice_probe DATA RUNS`.

A frame of a clip is speech when it is at most 25 dB below the clip's loud parts, silence when it is
40 dB below; the changed versions of a clip keep its labels, and idle sound is silence.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from model.motion.voice import VoiceProbe
from model.rates import SAMPLES_PER_FRAME
from model.train.motion_data import usable_clips
from model.train.motion_features import NUM_CHANGED
from model.train.recording import decode_audio

SPEECH_DB, SILENCE_DB = -25.0, -40.0
STEPS = 60


def labels(sound: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return 1 speech, 0 silence, NaN in between, for each of `frames` video frames."""
    padded = np.pad(sound, (0, max(0, frames * SAMPLES_PER_FRAME - len(sound))))
    power = (padded[: frames * SAMPLES_PER_FRAME].reshape(frames, -1) ** 2).mean(axis=1)
    level = 10 * np.log10(power + 1e-12)
    level -= np.quantile(level, 0.9)
    spoken = np.full(frames, np.nan, np.float32)
    spoken[level > SPEECH_DB] = 1
    spoken[level < SILENCE_DB] = 0
    # Lips are free a frame before the sound, as people's are.
    spoken[:-1][spoken[1:] == 1] = 1
    return spoken


def fit(features: torch.Tensor, spoken: torch.Tensor) -> VoiceProbe:
    """Fit the probe to features (N, D) and labels (N,), both kinds weighing the same."""
    weight = torch.zeros(features.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    share = spoken.mean()
    balance = torch.where(spoken > 0, 0.5 / share, 0.5 / (1 - share))
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = features @ weight + bias
        loss = F.binary_cross_entropy_with_logits(logits, spoken, balance)
        loss = loss + 1e-4 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return VoiceProbe(weight.detach(), bias.detach())


def main() -> None:
    """Fit on `train`, report on `val`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path, default=Path("model/weights/voice_probe.safetensors"))
    args = parser.parse_args()
    sets: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for split in ("train", "val"):
        features, spoken = [], []
        for row in usable_clips(args.data / "clips.csv", split):
            # Other voices' readings pause where they like: the clip's labels are not theirs.
            own = np.load(args.runs / "features" / f"{row['id']}.npy")[: 1 + NUM_CHANGED]
            own = own.astype(np.float32)
            sound = decode_audio(args.data / "clips" / f"{row['id']}.mp4")
            label = np.tile(labels(sound, own.shape[1]), len(own))
            known = ~np.isnan(label)
            features.append(own.reshape(-1, own.shape[-1])[known])
            spoken.append(label[known])
        if split == "train":
            idle = np.load(args.runs / "features" / "idle.npy").astype(np.float32)
            features.append(idle)
            spoken.append(np.zeros(len(idle), np.float32))
        sets[split] = (
            torch.from_numpy(np.concatenate(features)),
            torch.from_numpy(np.concatenate(spoken)),
        )
    probe = fit(*sets["train"])
    probe.save(args.out)
    features_val, spoken_val = sets["val"]
    says = probe.speaks(features_val)
    print(f"speech found {says[spoken_val == 1].float().mean():.3f}")
    print(f"silence found {(~says[spoken_val == 0]).float().mean():.3f}")


if __name__ == "__main__":
    main()
