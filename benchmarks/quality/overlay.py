"""Is the person cut out cleanly: how far is what the overlay shows from what it should show?

`python -m benchmarks.quality.overlay [PORTRAIT ...] [--sheets FOLDER]`. The reference is made: the
built-in astronaut's cutout, with 400 hairs drawn around it whose alpha is known exactly, is put
before five backgrounds; each picture is cut out anew and laid over black, white and a photograph.
The error is the mean difference to the reference laid over the same, 0..255, where a hair makes it
neither all person nor all background, 3 pixels more on each side: elsewhere the reference is itself
cut out by the product. Beside it: the same with the
person mask as alpha and the picture's own colours. `--sheets` draws every portrait, at rest,
turned and speaking, over the three.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage import data
from torch.nn import functional

from benchmarks import material
from benchmarks.record import ROOT, Figure, measure, measure_baseline, report
from model.avatar import Avatar, Controls, HopRequest
from model.frames.renderer import Renderer
from model.identity.cutout import cut_out
from model.identity.identity import Identity
from model.identity.person import person_mask
from model.identity.picture import PortraitError
from model.motion.face import FaceMotion
from model.rates import SAMPLE_RATE, SAMPLES_PER_FRAME

HAIRS = 400
EDGE_PX = 3
FINER = 4  # times, in which hairs are drawn
SEED = 5
SPEECH_S = 4.0
_LEAST = 0.02  # of alpha
BUILT_IN = ROOT / "client_web" / "portraits"

Picture = NDArray[np.float64]


def photographs(size_px: int) -> dict[str, Picture]:
    """Pictures (size_px, size_px, 3), 0..255, by name."""
    found = {
        "coffee": data.coffee(),  # type: ignore[no-untyped-call]
        "cat": data.chelsea(),  # type: ignore[no-untyped-call]
        "rocket": data.rocket(),  # type: ignore[no-untyped-call]
    }
    return {
        name: np.asarray(Image.fromarray(own).resize((size_px, size_px)), np.float64)
        for name, own in found.items()
    }


def grounds(size_px: int) -> dict[str, Picture]:
    """What results are looked at over."""
    flat = np.ones((size_px, size_px, 3))
    return {"black": 0 * flat, "white": 255 * flat, "photo": photographs(size_px)["coffee"]}


def over(color: Picture, alpha: Picture, ground: Picture) -> Picture:
    """Colour (h, w, 3), alpha (h, w, 1) 0..1."""
    return color * alpha + ground * (1 - alpha)


def reference(identity: Identity) -> tuple[Picture, Picture, NDArray[np.bool_]]:
    """The person with hairs around: colour (h, w, 3), alpha (h, w, 1), and where hairs are."""
    size = identity.size_px
    texture = identity.cutout.texture.astype(float)
    color, alpha = texture[..., :3], texture[..., 3:] / 255
    rng = np.random.default_rng(SEED)
    hairs = Image.new("L", (size * FINER, size * FINER))
    pen = ImageDraw.Draw(hairs)
    middle = identity.landmarks[10, :2]
    crown = (alpha[: int(middle[1]) + size // 4, :, 0] > 0.5).nonzero()
    rim = np.stack([crown[1], crown[0]], axis=1)
    for _ in range(HAIRS):
        root = rim[rng.integers(len(rim))].astype(float)
        away = root - middle
        away = away / max(np.linalg.norm(away), 1) + rng.normal(0, 0.3, 2)
        bend = rng.normal(0, 6, 2)
        length = rng.uniform(size * 0.03, size * 0.09)
        along = np.linspace(0, 1, 12)[:, None]
        points = (root + away * along * length + bend * along**2) * FINER
        pen.line([tuple(p) for p in points.tolist()], fill=255, width=int(rng.integers(2, 6)))
    hair = np.asarray(hairs.resize((size, size), Image.Resampling.BOX), np.float64)[..., None] / 255
    tone = color[alpha[..., 0] > 0.99][:2000].mean(axis=0)
    joined = 1 - (1 - alpha) * (1 - hair)
    mixed = (color * alpha * (1 - hair) + tone * hair) / np.maximum(joined, 1e-6)
    return np.where(joined > 0, mixed, color), joined, hair[..., 0] > _LEAST


def edge(alpha: Picture, hairs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where hairs (h, w) mix the reference with what is behind it, and beside that."""
    mixed = (alpha[..., 0] > _LEAST) & (alpha[..., 0] < 1 - _LEAST) & hairs
    wide = functional.max_pool2d(torch.from_numpy(mixed)[None].float(), 2 * EDGE_PX + 1, 1, EDGE_PX)
    return wide[0].numpy() > 0


def cut(picture: Picture, face: NDArray[np.float32]) -> dict[str, tuple[Picture, Picture]]:
    """Colour and alpha, by the product's way and by the mask alone."""
    still = picture.round().clip(0, 255).astype(np.uint8)
    mask = torch.from_numpy(person_mask(Image.fromarray(still)))
    own = cut_out(torch.from_numpy(still), mask, torch.from_numpy(face[:, :2])).texture
    matted = own.astype(float)
    wide = functional.interpolate(mask[None, None], still.shape[:2], mode="bilinear")
    return {
        "overlay": (matted[..., :3], matted[..., 3:] / 255),
        "mask alone": (picture, wide[0, 0, :, :, None].double().numpy()),
    }


def edge_figures(identity: Identity) -> list[Figure]:
    """One sample for each background that the portrait may have."""
    color, alpha, hairs = reference(identity)
    flat = np.ones_like(color)
    behind = {
        **photographs(identity.size_px),
        "grey": 128 * flat,
        "green": flat * (60, 200, 80),
    }
    where = edge(alpha, hairs)
    errors: dict[str, list[float]] = {}
    for picture in (over(color, alpha, own) for own in behind.values()):
        for way, (found, matte) in cut(picture, identity.landmarks).items():
            name = f"{way}: alpha at the edge"
            errors.setdefault(name, []).append(float(255 * np.abs(matte - alpha)[where].mean()))
            for ground, own in grounds(identity.size_px).items():
                off = np.abs(over(found, matte, own) - over(color, alpha, own))[where].mean()
                errors.setdefault(f"{way}: over {ground}", []).append(float(off))
    return [Figure(name, "/255", tuple(samples)) for name, samples in errors.items()]


def poses(avatar: Avatar) -> list[FaceMotion]:
    """At rest, turned each way, and a wide mouth of speech."""
    state, hop = avatar.open(0), avatar.hop_frames * SAMPLES_PER_FRAME
    hops = material.speech(SPEECH_S, SAMPLE_RATE).reshape(-1, hop)
    motion = torch.cat(
        [avatar.animate([HopRequest(state, own, Controls(), avatar.max_steps)])[0] for own in hops]
    )
    face = avatar.face_motion(motion)
    gap = face.deltas[:, 14, 1] - face.deltas[:, 13, 1]
    widest = int(gap.argmax())
    speaking = avatar.face_motion(motion[widest : widest + 1])
    rest = FaceMotion(
        torch.zeros_like(speaking.deltas),
        torch.zeros_like(speaking.lid_closure),
        torch.zeros_like(speaking.gaze),
        torch.zeros_like(speaking.rotation),
        torch.zeros_like(speaking.translation),
    )
    turns = [
        FaceMotion(rest.deltas, rest.lid_closure, rest.gaze, torch.tensor([turn]), rest.translation)
        for turn in ((0.05, 0.22, 0.06), (-0.06, -0.22, -0.1))
    ]
    return [rest, *turns, speaking]


def sheet(identity: Identity, motions: list[FaceMotion]) -> Image.Image:
    """Every pose in a row: alpha, then over each ground."""
    renderer = Renderer()
    rows = []
    for motion in motions:
        person = renderer.cut_out(identity, motion, renderer.render(identity, motion))[0]
        color, alpha = person[..., :3].astype(float), person[..., 3:] / 255
        cells = [255 * alpha.repeat(3, axis=2)]
        cells += [over(color, alpha, own) for own in grounds(identity.size_px).values()]
        rows.append(np.concatenate(cells, axis=1))
    return Image.fromarray(np.concatenate(rows).round().astype(np.uint8))


def cost_figures(identity: Identity, motion: FaceMotion) -> list[Figure]:
    """What a cutout costs, once and in each frame."""
    renderer = Renderer()
    pixels = renderer.render(identity, motion)
    still = torch.from_numpy(identity.still)
    mask = torch.from_numpy(person_mask(Image.fromarray(identity.still)))
    face = torch.from_numpy(identity.landmarks[:, :2])
    return [
        measure("cut out a portrait, once", lambda: cut_out(still, mask, face), count=5, warm_up=1),
        measure("draw a frame", lambda: renderer.render(identity, motion), count=50),
        measure("its cutout", lambda: renderer.cut_out(identity, motion, pixels), count=50),
    ]


def main() -> None:
    """Measure, and draw if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", nargs="*", type=Path, help="more of them, for the sheets")
    parser.add_argument("--sheets", type=Path, help="folder to draw them to")
    args = parser.parse_args()
    avatar = Avatar.load()
    astronaut = avatar.identify((BUILT_IN / "astronaut.jpg").read_bytes())
    motions = poses(avatar)
    if args.sheets is not None:
        args.sheets.mkdir(parents=True, exist_ok=True)
        for path in (*sorted(BUILT_IN.glob("*.jpg")), *args.portraits):
            try:
                sheet(avatar.identify(path.read_bytes()), motions).save(
                    args.sheets / f"{path.stem}.png"
                )
            except PortraitError as error:
                print(f"{path.name}: {error}")
    report(
        "quality_overlay: is the person cut out cleanly?",
        [*edge_figures(astronaut), *cost_figures(astronaut, motions[1])],
        baseline=measure_baseline(),
        settings={"hairs": HAIRS, "edge_px": EDGE_PX, "seed": SEED},
    )


if __name__ == "__main__":
    main()
