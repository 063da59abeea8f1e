"""Does the painted mouth drift in an hour? Its sharpness and colour, the last minute and the first.

`python -m benchmarks.quality.hour [--minutes 60]`. What the frame denoiser keeps of the past is its
own last pictures; so one minute of talking is warped once, and painted over and over from the
pictures before. The other state, the motion's, is not in this figure.
"""

import argparse

import numpy as np
import torch
from tqdm import tqdm

from benchmarks import material
from benchmarks.quality.mouth_scores import sharpness
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS, Avatar, Controls, HopRequest
from model.frames.mouth_crop import MouthCrop
from model.frames.painter import MouthPainter, load_frame_denoiser
from model.frames.renderer import Renderer
from model.frames.warp import head_motion
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.frame_lessons import to_bytes

MINUTE_S = 60


def warped_minute(painter: MouthPainter) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The portrait's mouth (1, 3, S, S), a minute of its warps (n, 3, S, S) and their locators."""
    avatar = Avatar.load()
    identity = avatar.identify(material.portrait())
    state = avatar.open(0)
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    size = painter.config.crop_px
    warps, locators = [], []
    for samples in material.speech(MINUTE_S, SAMPLE_RATE).reshape(-1, hop_samples):
        request = HopRequest(state, samples, Controls(), avatar.max_steps)
        motion = avatar.face_motion(avatar.animate([request])[0])
        pixels = Renderer().render(identity, motion)
        head = head_motion(identity.rig, motion)
        crop = MouthCrop.follow(identity.rig, identity.mouth, head, motion)
        warps.append(crop.cut(pixels, size))
        locators.append(crop.locate(size))
    return painter.mouth_of(identity), torch.cat(warps), torch.cat(locators)


def main() -> None:
    """Paint for an hour, compare its minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    args = parser.parse_args()
    painter = MouthPainter(load_frame_denoiser(DEFAULT_WEIGHTS / "frame_denoiser.safetensors"))
    with torch.inference_mode():
        mouth, warps, locators = warped_minute(painter)
        memory = painter.begin(mouth)
        shown = locators[:, 0].numpy()
        weights = np.repeat(shown[..., None], 3, axis=-1)
        sharp, colors = [], []
        for _ in tqdm(range(args.minutes), unit="min"):
            painted = to_bytes(warps + painter.changes(warps, locators, memory))
            # Of what is painted: the rest is the warp, the same in every minute.
            sharp.append(sharpness(painted, shown))
            colors.append(np.average(painted.astype(float), axis=(0, 1, 2), weights=weights))
    ratios = tuple(value / sharp[0] for value in sharp)
    shades = tuple(float(np.abs(color / colors[0] - 1).max()) for color in colors)
    print(
        f"minute {args.minutes} against minute 1: sharpness {ratios[-1] - 1:+.2%},"
        f" colour {shades[-1]:.2%} away"
    )
    report(
        "quality_hour: does the painted mouth drift?",
        [Figure("sharpness against minute 1", "", ratios), Figure("colour away", "", shades)],
        baseline=measure_baseline(),
        settings={"minutes": args.minutes, "frames a minute": FPS * MINUTE_S},
    )


if __name__ == "__main__":
    main()
