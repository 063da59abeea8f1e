"""Is the painted mouth nearer to the real one than the warp is? Self-reenactment on `val`.

`python -m benchmarks.quality.mouth LESSONS [--sheet FILE.png] [--everybody]`, LESSONS from
`python -m model.train frame_data`. One frame of a clip is the portrait; the crop around its mouth
is warped to what its person does in other frames of the clip, then painted from its own last
pictures, in the product's precision: `painted` as the product does, by the code of the drawn mouth;
`oracle` by the code of the real one, which nobody has in use: 32 numbers a frame that say what
teeth and tongue do, as the rig is told what lips do. All are compared with the real crop as it was
filmed. The painter may change what the locator shows, no more: `bound` is the real crop there and
the warp around it, the best that could be painted. "Within the locator" leaves out what is around.

VMAF is of all crops as one video, doubled in size, by the ffmpeg of imageio-ffmpeg. People of whom
`train` has other clips are left out, unless `--everybody`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.quality.clips import speaker_of
from benchmarks.quality.mouth_scores import (
    Crops,
    Shown,
    liveliness,
    psnr,
    psnr_within,
    sharpness,
    ssim,
    vmaf,
)
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS
from model.frames.painter import MouthPainter, load_frame_denoiser
from model.train.frame_lessons import FrameBatch, to_bytes, to_pictures
from model.train.held_out import is_seen_in_training

SHEET_ROWS = 24
MADE = ("warp", "painted", "oracle")
BOUND, REAL = "bound", "real crop"


@dataclass(frozen=True)
class Lesson:
    """One portrait: what is painted, and of each of its pictures the real one and its locator."""

    person: str
    batch: FrameBatch
    real: Crops
    shown: Shown

    @classmethod
    def read(cls, path: Path) -> "Lesson | None":
        """Of a file of lessons; None if it is not of `val`."""
        with np.load(path) as arrays:
            if str(arrays["split"]) != "val":
                return None
            warps, truths = to_pictures(arrays["warps"]), to_pictures(arrays["truths"])
            locators = (to_pictures(arrays["locators"]) + 1) / 2
            reference = to_pictures(arrays["reference"][None]).expand(len(warps), -1, -1, -1)
            batch = FrameBatch.of(reference, warps, truths, locators)
            real = np.concatenate(arrays["truths"])
        # <clip id>.<number of the portrait>.npz
        person = speaker_of(path.stem.rsplit(".", 1)[0])
        return cls(person, batch, real, locators.flatten(0, 1)[:, 0].numpy())


def read_lessons(folder: Path, *, everybody: bool) -> list[Lesson]:
    """Those of `val`; says how many are left out. Ends the program where there are none."""
    found = [lesson for path in sorted(folder.glob("*.npz")) if (lesson := Lesson.read(path))]
    if not found:
        raise SystemExit(f"found no lessons of val in {folder}: make them first")
    kept = [own for own in found if everybody or not is_seen_in_training(own.person)]
    print(
        f"{len(found) - len(kept)} of {len(found)} portraits left out: training has seen their"
        f" {len({own.person for own in found} - {own.person for own in kept})} people"
    )
    if not kept:
        raise SystemExit("people never seen: none; --everybody takes those of training, too")
    return kept


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
        BOUND: to_bytes(batch.truths.flatten(0, 1)),
    }


def write_sheet(path: Path, rows: list[list[Crops]]) -> None:
    """Portrait, warp, painted, oracle and real side by side, in three columns, enlarged."""
    strips = [np.concatenate(pictures, axis=1) for pictures in rows]
    third = max(len(strips) // 3, 1)
    columns = [
        np.concatenate(strips[i : i + third]) for i in range(0, third * 3, third) if strips[i:]
    ]
    sheet = Image.fromarray(np.concatenate(columns, axis=1))
    sheet.resize((sheet.width * 3 // 2, sheet.height * 3 // 2)).save(path)


def nearness(every: dict[str, Crops], shown: Shown) -> list[Figure]:
    """How near all that is made comes to the real crops, in numbers for each and in VMAF."""
    real = every[REAL]
    figures = [
        Figure(f"{name}: {kind}", "", tuple(score(every[kind], real)), tail_percent=5)
        for name, score in (("PSNR, dB", psnr), ("SSIM", ssim))
        for kind in (*MADE, BOUND)
    ]
    for kind in MADE:
        found = tuple(psnr_within(every[kind], real, shown))
        if found:
            name = f"PSNR within the locator, dB: {kind}"
            figures.append(Figure(name, "", found, tail_percent=5))
    scores = {kind: vmaf(crops, real) for kind, crops in every.items()}
    figures += [Figure(f"VMAF: {kind}", "", (value,)) for kind, value in scores.items()]
    for goal in (BOUND, REAL):
        gap = scores[goal] - scores["warp"]
        for kind in ("painted", "oracle"):
            name = f"VMAF: share of the gap to the {goal}, {kind}"
            figures += if_any(name, "", [(scores[kind] - scores["warp"]) / gap] if gap > 0 else [])
    return figures


def looks(lessons: list[Lesson], results: list[dict[str, Crops]]) -> list[Figure]:
    """Sharpness and change of each portrait's pictures over those of its real ones."""
    figures = []
    for name, measure in (("sharpness", sharpness), ("change frame to frame", liveliness)):
        for kind in (*MADE, BOUND):
            ratios = [measure(own[kind]) / measure(own[REAL]) for own in results]
            figures.append(Figure(f"{name} over the real: {kind}", "", tuple(ratios)))
        for kind in MADE:
            shares = [
                measure(own[kind], lesson.shown) / real
                for lesson, own in zip(lessons, results, strict=True)
                if (real := measure(own[REAL], lesson.shown)) > 0
            ]
            figures += if_any(f"{name} over the real, within the locator: {kind}", "", shares)
    return figures


def main() -> None:
    """Paint all lessons of `val`, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", type=Path)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--sheet", type=Path, help="write pictures side by side")
    parser.add_argument("--everybody", action="store_true", help="of training's people, too")
    args = parser.parse_args()
    painter = MouthPainter(load_frame_denoiser(args.weights / "frame_denoiser.safetensors"))
    lessons = read_lessons(args.lessons, everybody=args.everybody)
    results = [{**paint(painter, own.batch), REAL: own.real} for own in lessons]
    every = {kind: np.concatenate([own[kind] for own in results]) for kind in (*MADE, BOUND, REAL)}
    shown = np.concatenate([own.shown for own in lessons])
    report(
        "quality_mouth: is the painted mouth nearer to the real one than the warp is?",
        [*nearness(every, shown), *looks(lessons, results)],
        baseline=measure_baseline(),
        settings={
            "portraits": len(lessons),
            "people": len({own.person for own in lessons}),
            "frames": len(shown),
            "everybody": args.everybody,
        },
    )
    if args.sheet is not None:
        rows = []
        step = max(len(results) // SHEET_ROWS, 1)
        for lesson, own in list(zip(lessons, results, strict=True))[::step]:
            away = np.abs(own["warp"].astype(int) - own[REAL]).mean(axis=(1, 2, 3))
            portrait = to_bytes(lesson.batch.reference[0])
            rows.append([portrait, *(own[kind][int(away.argmax())] for kind in (*MADE, REAL))])
        write_sheet(args.sheet, rows)


if __name__ == "__main__":
    main()
