"""From the bytes of a picture to one upright, square, framed portrait with its landmarks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.identity.landmarks import FaceBox, FaceDetector, LandmarkTracker, roi_around
from model.identity.picture import PortraitError, decode
from model.identity.visible import what_is_missing

MIN_FACE_PX = 64

# A face next to the main one counts as a second person from this share of its width on; smaller
# ones are passers-by, posters and the detector's errors.
_SECOND_FACE_SHARE = 0.45
# And only if it is as sure as this: faces of 129 portraits, and their second people, have 0.8 and
# more; folds and hands that pass for one have less.
_SURE_SCORE = 0.7
_FACE_SHARE = 0.4
_EYE_LEVEL = 0.42
_FACE_SIDES = (234, 454)
_EYES = (33, 133, 263, 362)


@dataclass(frozen=True)
class Portrait:
    """A framed portrait: `image` RGB, square; `landmarks` (478, 3), pixel centres at integers."""

    image: Image.Image
    landmarks: NDArray[np.float32]


@dataclass(frozen=True)
class _Face:
    """Landmarks (478, 3) in pixels, and how sure the detector is of them, 0..1."""

    landmarks: NDArray[np.float32]
    score: float

    @property
    def width(self) -> float:
        return _extent(self.landmarks)

    @property
    def center(self) -> NDArray[np.float32]:
        center: NDArray[np.float32] = self.landmarks[:, :2].mean(axis=0)
        return center


def read_portrait(data: bytes, size_px: int) -> Portrait:
    """Decode, find the one face, crop to a bust and scale to `size_px`; raises PortraitError."""
    picture = decode(data)
    landmarks = find_face(picture)
    return _frame(picture, landmarks, size_px)


def find_face(picture: Image.Image) -> NDArray[np.float32]:
    """Landmarks (478, 3) of the only face, in pixels; raises PortraitError."""
    detector, tracker = FaceDetector(), LandmarkTracker()
    faces = _confirmed(picture, detector.detect(picture), tracker)
    faces = faces or _confirmed(picture, detector.detect_small(picture), tracker)
    face = _only_one(faces, picture)
    missing = what_is_missing(face.landmarks, picture.size, face.width)
    if missing is not None:
        raise PortraitError(missing)
    return face.landmarks


def _only_one(faces: list[_Face], picture: Image.Image) -> _Face:
    if not faces:
        raise PortraitError(
            f"found no face in the {picture.width}x{picture.height} picture, expected 1: "
            "use a picture that shows one face from the front, eyes and mouth uncovered"
        )
    widest = max(face.width for face in faces)
    large = [face for face in faces if face.width >= widest * _SECOND_FACE_SHARE]
    persons = [face for face in large if face.score >= _SURE_SCORE]
    if len(persons) > 1:
        raise PortraitError(f"found {len(persons)} faces, expected 1: crop the picture to one")
    face = max(large, key=lambda each: each.score)
    if face.width < MIN_FACE_PX:
        raise PortraitError(
            f"the face is {face.width:.0f} px wide, needs at least {MIN_FACE_PX} px: "
            "use a larger picture or one taken from nearer"
        )
    return face


def _confirmed(picture: Image.Image, boxes: list[FaceBox], tracker: LandmarkTracker) -> list[_Face]:
    """Return the faces of these boxes, each once."""
    found = []
    for box in boxes:
        # The second look, from a crop around the landmarks, is the precise one; a detection that
        # does not survive it was none.
        first = tracker.track(picture, box.roi)
        second = None if first is None else tracker.track(picture, roi_around(first))
        if second is not None:
            found.append(_Face(second, box.score))
    return _distinct(found)


def _distinct(candidates: list[_Face]) -> list[_Face]:
    """Each face once, its largest look, as sure as its surest."""
    kept: list[_Face] = []
    for face in sorted(candidates, key=lambda each: each.width, reverse=True):
        for i, other in enumerate(kept):
            if np.linalg.norm(face.center - other.center) <= 0.5 * other.width:
                kept[i] = replace(other, score=max(other.score, face.score))
                break
        else:
            kept.append(face)
    return kept


def _extent(face: NDArray[np.float32]) -> float:
    """Width of a face in pixels; a turned head's is told by its height."""
    right, left = face[_FACE_SIDES[0], :2], face[_FACE_SIDES[1], :2]
    height = float(np.linalg.norm(face[10, :2] - face[152, :2]))
    return max(float(np.linalg.norm(left - right)), 0.7 * height)


def _frame(picture: Image.Image, landmarks: NDArray[np.float32], size_px: int) -> Portrait:
    side = min(_extent(landmarks) / _FACE_SHARE, min(picture.size))
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    eyes = landmarks[list(_EYES), :2].mean(axis=0)
    left = (low[0] + high[0]) / 2 - side / 2
    # Of a tall picture that the face fills, the chin is wanted more than what is above the eyes.
    top = max(eyes[1] - _EYE_LEVEL * side, high[1] - side)
    left = float(np.clip(left, 0, picture.width - side))
    top = float(np.clip(top, 0, picture.height - side))
    image = picture.resize(
        (size_px, size_px),
        Image.Resampling.LANCZOS,
        box=(left, top, left + side, top + side),
    )
    points = (landmarks - np.array([left, top, 0.0])) * (size_px / side)
    # The tracker counts from the picture's corner; from here on a pixel's centre is its index.
    points[:, :2] -= 0.5
    return Portrait(image, points.astype(np.float32))
