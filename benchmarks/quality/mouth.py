"""Is the painted mouth nearer to the real one than the warp is? Self-reenactment on `val`.

`python -m benchmarks.quality.mouth LESSONS [--sheet FILE.png]`, LESSONS from
`python -m model.train frame_data`. One frame of a clip is the portrait; the crop around its mouth
is warped to what its person does in other frames of the clip, then painted from its own last
pictures, in the product's precision: `painted` as the product does, by the code of the drawn mouth;
`oracle` by the code of the real one, which nobody has in use: 32 numbers a frame that say what
teeth and tongue do, as the rig is told what lips do. VMAF is of all crops as one video, doubled in
size, by the ffmpeg of imageio-ffmpeg. The upper bound of each row is the real crop itself.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.record import Figure, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS
from model.frames.painter import MouthPainter, load_frame_denoiser
from model.train.frame_data import SEQUENCE
from model.train.frame_lessons import FrameBatch, FrameLessons, to_bytes

# The mouth itself, away from the square's rim, where all are the same by construction.
INSET = 14
# Rec. 709.
LUMA = np.array([0.2126, 0.7152, 0.0722])
SHEET_ROWS = 24
MADE = ("warp", "painted", "oracle")

Crops = NDArray[np.uint8]


def paint(painter: MouthPainter, batch: FrameBatch) -> dict[str, Crops]:
    """Crops (K * T, S, S, 3) of one portrait's runs, each painted from its beginning, by kind."""
    painted, oracle = [], []
    with torch.inference_mode():
        for run, (warps, locators) in enumerate(zip(batch.warps, batch.locators, strict=True)):
            reference = batch.reference[run : run + 1]
            painted.append(warps + painter.changes(warps, locators, painter.begin(reference)))
            memory = painter.begin(reference)
            codes = painter.read(batch.truths[run], warps, locators, memory)
            oracle.append(warps + painter.changes(warps, locators, memory, codes))
    return {
        "warp": to_bytes(batch.warps.flatten(0, 1)),
        "painted": to_bytes(torch.cat(painted)),
        "oracle": to_bytes(torch.cat(oracle)),
        "real": to_bytes(batch.truths.flatten(0, 1)),
    }


def inner(crops: Crops) -> Crops:
    """Cut the rim off."""
    return crops[:, INSET:-INSET, INSET:-INSET]


def sharpness(crops: Crops) -> float:
    """Laplacian energy of the luminance, mean over pixels and crops."""
    luma = inner(crops) @ LUMA
    around = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    return float(((4 * luma[:, 1:-1, 1:-1] - around) ** 2).mean())


def liveliness(crops: Crops) -> float:
    """Mean change of a pixel from frame to frame, within runs of frames."""
    runs = inner(crops).reshape(-1, SEQUENCE, *inner(crops).shape[1:]).astype(float)
    return float(np.abs(np.diff(runs, axis=1)).mean())


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
    """PSNR of each crop, dB."""
    return [
        float(peak_signal_noise_ratio(true, own, data_range=255))  # type: ignore[no-untyped-call]
        for own, true in zip(inner(crops), inner(truths), strict=True)
    ]


def ssim(crops: Crops, truths: Crops) -> list[float]:
    """SSIM of each crop."""
    return [
        float(structural_similarity(true, own, channel_axis=-1))  # type: ignore[no-untyped-call]
        for own, true in zip(inner(crops), inner(truths), strict=True)
    ]


def write_sheet(path: Path, rows: list[list[Crops]]) -> None:
    """Portrait, warp, painted, oracle and real side by side, in three columns, enlarged."""
    strips = [np.concatenate(pictures, axis=1) for pictures in rows]
    third = max(len(strips) // 3, 1)
    columns = [
        np.concatenate(strips[i : i + third]) for i in range(0, third * 3, third) if strips[i:]
    ]
    sheet = Image.fromarray(np.concatenate(columns, axis=1))
    sheet.resize((sheet.width * 3 // 2, sheet.height * 3 // 2)).save(path)


def main() -> None:
    """Paint all lessons of `val`, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", type=Path)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--sheet", type=Path, help="write pictures side by side")
    args = parser.parse_args()
    painter = MouthPainter(load_frame_denoiser(args.weights / "frame_denoiser.safetensors"))
    batches = FrameLessons(args.lessons, "val").every()
    results = [paint(painter, batch) for batch in batches]
    every = {kind: np.concatenate([own[kind] for own in results]) for kind in (*MADE, "real")}
    truths = every["real"]
    figures = [
        Figure(f"{name}: {kind}", "", tuple(score(every[kind], truths)))
        for name, score in (("PSNR, dB", psnr), ("SSIM", ssim))
        for kind in MADE
    ]
    scores = {kind: vmaf(crops, truths) for kind, crops in every.items()}
    figures += [Figure(f"VMAF: {kind}", "", (value,)) for kind, value in scores.items()]
    gap = scores["real"] - scores["warp"]
    for kind in ("painted", "oracle"):
        closed = (scores[kind] - scores["warp"]) / gap
        figures.append(Figure(f"VMAF: share of the gap closed, {kind}", "", (closed,)))
    for name, measure in (
        ("sharpness against real, a portrait", sharpness),
        ("change frame to frame against real", liveliness),
    ):
        for kind in MADE:
            ratios = tuple(measure(own[kind]) / measure(own["real"]) for own in results)
            figures.append(Figure(f"{name}: {kind}", "", ratios))
    report(
        "quality_mouth: is the painted mouth nearer to the real one than the warp is?",
        figures,
        baseline=measure_baseline(),
        settings={"portraits": len(batches), "frames": len(truths)},
    )
    if args.sheet is not None:
        rows = []
        step = max(len(results) // SHEET_ROWS, 1)
        for batch, own in list(zip(batches, results, strict=True))[::step]:
            away = np.abs(own["warp"].astype(int) - own["real"]).mean(axis=(1, 2, 3))
            portrait = to_bytes(batch.reference[0])
            rows.append([portrait, *(own[kind][int(away.argmax())] for kind in (*MADE, "real"))])
        write_sheet(args.sheet, rows)


if __name__ == "__main__":
    main()
