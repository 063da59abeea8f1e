"""How near pictures of mouths are to real ones: PSNR, SSIM, VMAF, sharpness, change."""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TypeVar

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from model.train.frame_data import SEQUENCE

# The mouth itself, away from the square's rim, where nothing is painted.
INSET = 14
# Rec. 709.
LUMA = np.array([0.2126, 0.7152, 0.0722])
# Mean of the locator over the crop, below which nothing is seen between the lips.
LEAST_SHOWN = 0.005
# Bytes are so far from what they stand for: the mean square of rounding.
_ROUNDING = 1 / 12

T = TypeVar("T", np.uint8, np.float32)
Crops = NDArray[np.uint8]
"""Pictures (n, S, S, 3)."""
Shown = NDArray[np.float32]
"""What may be painted of each, 0..1 (n, S, S)."""


def inner(crops: NDArray[T]) -> NDArray[T]:
    """Cut the rim off (n, S, S, ...)."""
    return crops[:, INSET:-INSET, INSET:-INSET]


def sharpness(crops: Crops, shown: Shown | None = None) -> float:
    """Laplacian energy of the luminance, mean over pixels and crops, or over what is shown."""
    luma = inner(crops) @ LUMA
    around = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    energy = (4 * luma[:, 1:-1, 1:-1] - around) ** 2
    return _mean(energy, None if shown is None else inner(shown)[:, 1:-1, 1:-1])


def liveliness(crops: Crops, shown: Shown | None = None) -> float:
    """Mean change of a pixel from frame to frame, within runs of frames, or of what is shown."""
    runs = inner(crops).reshape(-1, SEQUENCE, *inner(crops).shape[1:]).astype(float)
    change = np.abs(np.diff(runs, axis=1)).mean(axis=-1)
    if shown is None:
        return _mean(change, None)
    places = inner(shown).reshape(-1, SEQUENCE, *inner(shown).shape[1:])
    return _mean(change, np.maximum(places[:, 1:], places[:, :-1]))


def _mean(values: NDArray[np.float64], weights: NDArray[np.float32] | None) -> float:
    """0 if nothing has any weight."""
    if weights is None:
        return float(values.mean())
    total = float(weights.sum(dtype=np.float64))
    return float((values * weights).sum()) / total if total else 0.0


def vmaf(crops: Crops, truths: Crops) -> float:
    """VMAF of crops against the true ones, mean over frames."""
    size = inner(crops).shape[1]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size}x{size}", "-r", "25"]
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, pictures in (("own", crops), ("true", truths)):
            file = Path(folder) / name
            file.write_bytes(np.ascontiguousarray(inner(pictures)).tobytes())
            files += [*raw, "-i", str(file)]
        scaled = "[{}:v]scale=iw*2:ih*2:flags=bicubic,format=yuv420p[{}]"
        graph = f"{scaled.format(0, 'a')};{scaled.format(1, 'b')};[a][b]libvmaf"
        done = subprocess.run(
            [
                *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", *files),
                *("-lavfi", graph, "-f", "null", "-"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"VMAF score: ([\d.]+)", done.stderr)
    if found is None:
        raise RuntimeError(f"ffmpeg said no VMAF score:\n{done.stderr[-500:]}")
    return float(found[1])


def psnr(crops: Crops, truths: Crops) -> list[float]:
    """PSNR of each crop, dB; two that are equal are no nearer than bytes can tell."""
    errors = (inner(crops).astype(float) - inner(truths)) ** 2
    return [_decibel(float(own.mean())) for own in errors]


def psnr_within(crops: Crops, truths: Crops, shown: Shown) -> list[float]:
    """PSNR over what the locator shows, dB, of those crops in which it shows something."""
    errors = ((inner(crops).astype(float) - inner(truths)) ** 2).mean(axis=-1)
    return [
        _decibel(_mean(error, place))
        for error, place in zip(errors, inner(shown), strict=True)
        if place.mean() >= LEAST_SHOWN
    ]


def _decibel(square_error: float) -> float:
    return float(10 * np.log10(255**2 / max(square_error, _ROUNDING)))


def ssim(crops: Crops, truths: Crops) -> list[float]:
    """SSIM of each crop."""
    return [
        float(structural_similarity(true, own, channel_axis=-1))  # type: ignore[no-untyped-call]
        for own, true in zip(inner(crops), inner(truths), strict=True)
    ]
