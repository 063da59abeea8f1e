"""Do faces of all kinds animate, and stay who they are?

`python -m benchmarks.quality.portraits PORTRAITS [--count 40] [--sheets DIR]`, PORTRAITS a folder
of pictures, with the extra `identity` installed. All say the same sentences, with lively heads.
Identity is dlib's distance (0.6: another person) of every tenth frame to the portrait as it came;
its network knows photographs. Frames in which it finds no face have no distance: how many they are
is told of each portrait. What is refused is told with its reason. DIR gets contact sheets: the
portrait, then its frames when the mouth is shut and widest, the lids are shut, the head is turned
farthest to each side, up and down.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dlib
import face_recognition_models
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks.material import speech
from benchmarks.quality.animate import Take, animate, load_model, opening
from benchmarks.quality.head import rotation
from benchmarks.record import if_any, measure_baseline, report
from model.avatar import COEFFICIENTS, DEFAULT_WEIGHTS, Avatar
from model.identity.identity import Identity
from model.identity.picture import PortraitError
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLE_RATE

SPEECH_S = 12
EVERY = 10
# The goals of the mean and of the farthest frame.
NEAR, FARTHEST = 0.35, 0.5
TILE_PX, ROWS = 192, 10

Picture = NDArray[np.uint8]


class Identifier:
    """Tells how far two pictures of faces are apart."""

    def __init__(self) -> None:
        self._detect = dlib.get_frontal_face_detector()
        self._places = dlib.shape_predictor(
            face_recognition_models.pose_predictor_five_point_model_location()
        )
        self._describe = dlib.face_recognition_model_v1(
            face_recognition_models.face_recognition_model_location()
        )

    def describe(self, picture: Picture) -> NDArray[np.float64] | None:
        """Descriptor (128,) of the largest face; None if it finds none."""
        faces = self._detect(picture)
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.area())
        shape = self._places(picture, largest)
        return np.array(self._describe.compute_face_descriptor(picture, shape))


@dataclass(frozen=True)
class Compared:
    """One portrait's frames: how far they are from it, and of how many frames that is not known."""

    distances: tuple[float, ...]
    unseen: int

    @classmethod
    def of(cls, identifier: Identifier, portrait: Picture, frames: Picture) -> "Compared":
        """Of frames (n, S, S, 3); of none, if the portrait itself is no face to dlib."""
        own = identifier.describe(portrait)
        described = [identifier.describe(frame) for frame in frames]
        distances = tuple(
            float(np.linalg.norm(one - own))
            for one in described
            if one is not None and own is not None
        )
        return cls(distances, len(described) - len(distances))

    @property
    def frames(self) -> int:
        """All that were looked at."""
        return len(self.distances) + self.unseen

    @property
    def mean(self) -> float:
        """Of the frames in which there is a face."""
        return float(np.mean(self.distances))

    @property
    def farthest(self) -> float:
        """Of them."""
        return max(self.distances)


@dataclass(frozen=True)
class Performance:
    """Motion (L, M) that all portraits play, and its frames that a sheet shows."""

    motion: NDArray[np.float32]
    shown: tuple[int, ...]


def perform(avatar: Avatar, space: MotionSpace) -> Performance:
    """Let the model speak once, for all."""
    (motion,) = animate(
        avatar, [Take(speech(SPEECH_S, SAMPLE_RATE), SPEECH_S * FPS, head_speed=1.0)]
    )
    gaps, head = opening(motion, space), rotation(motion, space)
    lids = motion[:, space.lids].mean(axis=1)
    shown = (
        *(gaps.argmin(), gaps.argmax(), lids.argmax()),
        *(head[:, 1].argmin(), head[:, 1].argmax(), head[:, 0].argmin(), head[:, 0].argmax()),
    )
    return Performance(motion, tuple(int(frame) for frame in shown))


def draw(avatar: Avatar, identity: Identity, motion: NDArray[np.float32]) -> Picture:
    """Frames (n, S, S, 3) of a portrait in this motion (n, M)."""
    # As it came, and breathless.
    columns = np.pad(motion, ((0, 0), (0, -COEFFICIENTS.stop)))
    state = avatar.open(0)
    return np.concatenate(
        [avatar.render(identity, row[None], state) for row in torch.from_numpy(columns)]
    )


def tile(pictures: Sequence[Picture]) -> Picture:
    """One row of a sheet."""
    small = [Image.fromarray(own).resize((TILE_PX, TILE_PX)) for own in pictures]
    return np.concatenate([np.asarray(own) for own in small], axis=1)


def evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """At most `count` of them, evenly taken."""
    if not paths:
        raise SystemExit("portraits: none, expected at least 1 picture in the folder")
    places = np.linspace(0, len(paths) - 1, min(count, len(paths)))
    return [paths[round(place)] for place in places]


def main() -> None:
    """Animate all, measure, draw the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    args = parser.parse_args()
    avatar, space = load_model(args.weights)
    performance, identifier = perform(avatar, space), Identifier()
    chosen = evenly(sorted(p for p in args.portraits.iterdir() if p.is_file()), args.count)
    compared: dict[str, Compared] = {}
    refused, rows = 0, []
    for path in tqdm(chosen):
        try:
            identity = avatar.identify(path.read_bytes())
        except PortraitError as error:
            refused += 1
            tqdm.write(f"{path.name}: refused, {error}")
            continue
        if args.sheets is not None:
            frames = draw(avatar, identity, performance.motion[list(performance.shown)])
            rows.append(tile([identity.portrait, *frames]))
        compared[path.name] = Compared.of(
            identifier, identity.portrait, draw(avatar, identity, performance.motion[::EVERY])
        )
    seen = {name: own for name, own in compared.items() if own.distances}
    for name, own in sorted(seen.items(), key=lambda item: item[1].mean, reverse=True):
        far = own.mean > NEAR or own.farthest > FARTHEST
        print(
            f"{name}: mean {own.mean:.3f}, max {own.farthest:.3f}, no face in {own.unseen} of"
            f" {own.frames} frames{' TOO FAR' * far}"
        )
    for name in compared.keys() - seen.keys():
        print(f"{name}: dlib finds no face to compare")
    unseen = sum(own.unseen for own in seen.values())
    conclusions = [
        f"{len(chosen)} portraits: {refused} refused, {len(compared) - len(seen)} without a face"
        " for dlib",
        f"of the {len(seen)} others, dlib finds no face in {unseen} of"
        f" {sum(own.frames for own in seen.values())} frames, in"
        f" {sum(own.unseen > 0 for own in seen.values())} portraits: these have no distance",
    ]
    for start in range(0, len(rows), ROWS):
        args.sheets.mkdir(parents=True, exist_ok=True)
        sheet = Image.fromarray(np.concatenate(rows[start : start + ROWS]))
        sheet.save(args.sheets / f"portraits-{start // ROWS + 1}.png")
    report(
        "quality_portraits: do faces of all kinds animate, and stay who they are?",
        [
            *if_any(
                "dlib distance to the portrait, mean of frames",
                "",
                [own.mean for own in seen.values()],
            ),
            *if_any(
                "dlib distance of the farthest frame", "", [own.farthest for own in seen.values()]
            ),
            *if_any(
                "frames without a face for dlib",
                "%",
                [100 * own.unseen / own.frames for own in seen.values()],
            ),
        ],
        baseline=measure_baseline(),
        settings={
            "portraits": len(chosen),
            "refused": refused,
            "without a face": len(compared) - len(seen),
        },
        conclusions=conclusions,
    )


if __name__ == "__main__":
    main()
