"""Face detection and the 478 face landmarks, by Google's BlazeFace and FaceMesh V2 networks.

Sources: BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047) and the attention mesh (Grishchenko et
al. 2020, arXiv:2006.10962). The .tflite files are Apache-2.0, see `model/weights/mediapipe`.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

NUM_LANDMARKS = 478
MEDIAPIPE_WEIGHTS = Path(__file__).parent.parent / "weights" / "mediapipe"

_DETECTOR_SIZE_PX = 128
_MESH_SIZE_PX = 256
_MIN_DETECTION_SCORE = 0.5
_MIN_PRESENCE = 0.5
_SAME_FACE_OVERLAP = 0.4
_ROI_SCALE = 1.5
# Sides of the tiles, as shares of the picture's shorter side: at first, and where those show none.
_TILE_SHARE, _SMALL_TILE_SHARE = 0.6, 0.3
_LEAST_TILES, _MOST_TILES = 3, 24  # per side of the picture; some are a million times longer
# Outer corners of the eyes in the mesh: the line between them gives the crop's rotation.
_EYE_CORNERS = (33, 263)


@dataclass(frozen=True)
class Roi:
    """A rotated square in the picture: centre and side in pixels, angle in radians."""

    center_x: float
    center_y: float
    side: float
    angle: float


@dataclass(frozen=True)
class FaceBox:
    """A detected face: corners in pixels, score 0..1, and the crop to look for landmarks in."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    roi: Roi

    def overlap(self, other: "FaceBox") -> float:
        """Share of the smaller box that the other one covers, 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0) / min(self.area, other.area)

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)


def _anchors() -> NDArray[np.float32]:
    # BlazeFace short range: a 16x16 grid of 2 anchors, then an 8x8 grid of 6.
    rows = []
    for cells, repeats in ((16, 2), (8, 6)):
        ys, xs = np.mgrid[0:cells, 0:cells]
        centers = (np.stack([xs, ys], -1).reshape(-1, 2) + 0.5) / cells
        rows.append(np.repeat(centers, repeats, axis=0))
    return np.concatenate(rows).astype(np.float32)


class FaceDetector:
    """Finds faces in an image; looks at the whole and at overlapping tiles for small ones."""

    def __init__(self, weights_dir: Path = MEDIAPIPE_WEIGHTS) -> None:
        self._network = _load(weights_dir / "face_detector.tflite")
        self._anchors = _anchors()

    def detect(self, image: Image.Image) -> list[FaceBox]:
        """Return the faces of an RGB image, best score first, each face once."""
        width, height = image.size
        whole = Roi(width / 2, height / 2, max(width, height), 0.0)
        return self._detect_tiles(image, [whole, *_tiles(width, height, _TILE_SHARE)])

    def detect_small(self, image: Image.Image) -> list[FaceBox]:
        """Return faces of an image as `detect` does, those that it may be too coarse for."""
        return self._detect_tiles(image, _tiles(*image.size, _SMALL_TILE_SHARE))

    def _detect_tiles(self, image: Image.Image, tiles: list[Roi]) -> list[FaceBox]:
        boxes = [box for tile in tiles for box in self._detect_tile(image, tile)]
        kept: list[FaceBox] = []
        for box in sorted(boxes, key=lambda b: b.score, reverse=True):
            if all(box.overlap(other) < _SAME_FACE_OVERLAP for other in kept):
                kept.append(box)
        return kept

    def _detect_tile(self, image: Image.Image, tile: Roi) -> list[FaceBox]:
        crop = _crop(image, tile, _DETECTOR_SIZE_PX) / 127.5 - 1.0
        regressors, logits = _run(self._network, crop, ("regressors", "classificators"))
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits.reshape(-1), -50, 50)))
        hits = np.flatnonzero(scores > _MIN_DETECTION_SCORE)
        points = regressors.reshape(-1, 8, 2)[hits] / _DETECTOR_SIZE_PX
        centers = points[:, 0] + self._anchors[hits]
        keypoints = points[:, 2:] + self._anchors[hits][:, None]
        origin = np.array([tile.center_x, tile.center_y]) - tile.side / 2
        faces = []
        for score, center, size, eyes in zip(
            scores[hits], centers, points[:, 1], keypoints[:, :2], strict=True
        ):
            x, y = center * tile.side + origin
            half_w, half_h = size * tile.side / 2
            dx, dy = eyes[1] - eyes[0]
            roi = Roi(x, y, 2 * max(half_w, half_h) * _ROI_SCALE, math.atan2(dy, dx))
            faces.append(FaceBox(x - half_w, y - half_h, x + half_w, y + half_h, float(score), roi))
        return faces


class LandmarkTracker:
    """The 478 landmarks of the face inside a crop; stateless, the caller carries the crop on."""

    def __init__(self, weights_dir: Path = MEDIAPIPE_WEIGHTS) -> None:
        self._network = _load(weights_dir / "face_landmarks_detector.tflite")

    def track(self, image: Image.Image, roi: Roi) -> NDArray[np.float32] | None:
        """Find landmarks (478, 3) in `roi` of an RGB image; None when no face is there.

        x to the right, y down, both in pixels of `image`; z in the same unit, negative towards the
        camera, zero at the head's centre.
        """
        crop = _crop(image, roi, _MESH_SIZE_PX) / 255.0
        points, presence = _run(self._network, crop, ("Identity", "Identity_1"))
        if 1.0 / (1.0 + math.exp(-float(presence.reshape(-1)[0]))) < _MIN_PRESENCE:
            return None
        mesh = points.reshape(NUM_LANDMARKS, 3) / _MESH_SIZE_PX
        cos, sin = math.cos(roi.angle), math.sin(roi.angle)
        x, y = mesh[:, 0] - 0.5, mesh[:, 1] - 0.5
        return np.stack(
            [
                (x * cos - y * sin) * roi.side + roi.center_x,
                (x * sin + y * cos) * roi.side + roi.center_y,
                mesh[:, 2] * roi.side,
            ],
            axis=1,
        ).astype(np.float32)


def roi_around(landmarks: NDArray[np.float32]) -> Roi:
    """Return the crop in which to look for this face in the next picture; landmarks (478, 3)."""
    right, left = landmarks[_EYE_CORNERS[0], :2], landmarks[_EYE_CORNERS[1], :2]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    cos, sin = math.cos(angle), math.sin(angle)
    upright = landmarks[:, :2] @ np.array([[cos, -sin], [sin, cos]], dtype=np.float32)
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = (low + high) / 2
    side = float((high - low).max()) * _ROI_SCALE
    return Roi(float(x * cos - y * sin), float(x * sin + y * cos), side, angle)


def _load(path: Path) -> Interpreter:
    if not path.is_file():
        raise FileNotFoundError(
            f"face network {path.name} not found in {path.parent}: reinstall likeness"
        )
    network = Interpreter(model_path=str(path), num_threads=1)
    network.allocate_tensors()
    return network


def _run(
    network: Interpreter, crop: NDArray[np.float32], names: tuple[str, ...]
) -> list[NDArray[np.float32]]:
    network.set_tensor(network.get_input_details()[0]["index"], crop[None])
    network.invoke()
    outputs = {detail["name"]: detail["index"] for detail in network.get_output_details()}
    return [network.get_tensor(outputs[name]) for name in names]


def _tiles(width: int, height: int, share: float) -> list[Roi]:
    """Squares all over a picture, their side so much of its shorter one."""
    side = min(width, height) * share
    columns, rows = _centers(width, side), _centers(height, side)
    return [Roi(x, y, side, 0.0) for x in columns for y in rows]


def _centers(length: int, side: float) -> list[float]:
    """Of tiles that overlap by a third or more, so that none cuts every face in two."""
    count = math.ceil((length - side) / (side * 2 / 3)) + 1
    count = min(max(count, _LEAST_TILES), _MOST_TILES)
    return [float(x) for x in np.linspace(side / 2, length - side / 2, count)]


def _crop(image: Image.Image, roi: Roi, size_px: int) -> NDArray[np.float32]:
    # Reducing first keeps bilinear sampling from aliasing when the crop is much larger than asked.
    factor = max(1, int(roi.side / size_px))
    source, left, top = _reduced(image, roi, factor)
    scale = roi.side / size_px / factor
    cos, sin = math.cos(roi.angle) * scale, math.sin(roi.angle) * scale
    half = size_px / 2
    x0 = roi.center_x / factor - left - cos * half + sin * half
    y0 = roi.center_y / factor - top - sin * half - cos * half
    crop = source.transform(
        (size_px, size_px),
        Image.Transform.AFFINE,
        (cos, -sin, x0, sin, cos, y0),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(crop, dtype=np.float32)


def _reduced(image: Image.Image, roi: Roi, factor: int) -> tuple[Image.Image, int, int]:
    """Shrink what is around a crop by a whole factor; returns it, and its first column and row."""
    if factor == 1:
        return image, 0, 0
    # Half a diagonal, and what bilinear sampling reads beside it.
    reach = roi.side * math.sqrt(0.5) + 2 * factor
    left, right = _span(roi.center_x, reach, image.width, factor)
    top, bottom = _span(roi.center_y, reach, image.height, factor)
    reduced = image.reduce(factor, (left, top, right, bottom))
    return reduced, left // factor, top // factor


def _span(center: float, reach: float, length: int, factor: int) -> tuple[int, int]:
    """First pixel, a multiple of `factor`, and end of what is around a place; never empty."""
    last = (length - 1) // factor * factor
    first = min(max(math.floor((center - reach) / factor) * factor, 0), last)
    end = min(max(math.ceil((center + reach) / factor) * factor, first + factor), length)
    return first, end
