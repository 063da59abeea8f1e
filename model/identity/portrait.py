"""From the bytes of a picture to one upright, square, framed portrait with its landmarks."""

import io
import logging
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from model.identity.landmarks import FaceBox, FaceDetector, LandmarkTracker, roi_around

logger = logging.getLogger(__name__)

MAX_PIXELS = 40_000_000
MIN_FACE_PX = 64

# A face next to the main one counts as a second person from this share of its width on; smaller
# ones are passers-by, posters and the detector's errors.
_SECOND_FACE_SHARE = 0.45
_FACE_SHARE = 0.4
_EYE_LEVEL = 0.42
# Others either run programs to decode (EPS) or never hold a portrait.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
_BACKGROUND = (128, 128, 128)
_FACE_SIDES = (234, 454)
_EYES = (33, 133, 263, 362)


class PortraitError(ValueError):
    """A picture that cannot become a portrait; the message says why and what to do."""


@dataclass(frozen=True)
class Portrait:
    """A framed portrait: `image` RGB, square; `landmarks` (478, 3), pixel centres at integers."""

    image: Image.Image
    landmarks: NDArray[np.float32]


def read_portrait(data: bytes, size_px: int) -> Portrait:
    """Decode, find the one face, crop to a bust and scale to `size_px`; raises PortraitError."""
    picture = decode(data)
    landmarks = find_face(picture)
    return _frame(picture, landmarks, size_px)


def decode(data: bytes) -> Image.Image:
    """Decode a picture file into upright sRGB; alpha goes over a neutral grey."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns where we refuse.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        raise PortraitError(
            f"the {len(data)} bytes are not a picture: send a JPEG, PNG or WebP file"
        ) from None
    except Image.DecompressionBombError:
        raise PortraitError(_too_large("more than 178")) from None
    except OSError as error:
        raise PortraitError(_damaged(error)) from None
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS:
        raise PortraitError(_too_large(f"{pixels / 1e6:.0f}"))
    try:
        picture.load()
        return _to_rgb(ImageOps.exif_transpose(picture))
    except (OSError, SyntaxError, ValueError) as error:
        raise PortraitError(_damaged(error)) from None


def find_face(picture: Image.Image) -> NDArray[np.float32]:
    """Landmarks (478, 3) of the only face, in pixels; raises PortraitError."""
    tracker = LandmarkTracker()
    candidates = []
    for box in FaceDetector().detect(picture):
        landmarks = _confirm(picture, box, tracker)
        if landmarks is not None:
            candidates.append(landmarks)
    faces = _distinct(candidates)
    if not faces:
        raise PortraitError(
            f"found no face in the {picture.width}x{picture.height} picture, expected 1: "
            "use a picture that shows one face from the front, eyes and mouth uncovered"
        )
    widest = max(_extent(face) for face in faces)
    persons = [face for face in faces if _extent(face) >= widest * _SECOND_FACE_SHARE]
    if len(persons) > 1:
        raise PortraitError(f"found {len(persons)} faces, expected 1: crop the picture to one")
    if widest < MIN_FACE_PX:
        raise PortraitError(
            f"the face is {widest:.0f} px wide, needs at least {MIN_FACE_PX} px: "
            "use a larger picture or one taken from nearer"
        )
    return persons[0]


def _too_large(megapixels: str) -> str:
    return (
        f"the picture has {megapixels} megapixels, at most {MAX_PIXELS // 1_000_000} are "
        "accepted: scale it down"
    )


def _damaged(error: Exception) -> str:
    return f"the picture is damaged ({error}): export it again or send another"


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        picture = Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        colors = _to_srgb(layer.convert("RGB"), picture.info.get("icc_profile"))
        backdrop = Image.new("RGB", layer.size, _BACKGROUND)
        return Image.composite(colors, backdrop, layer.getchannel("A"))
    return _to_srgb(picture, picture.info.get("icc_profile")).convert("RGB")


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours as browsers show them: phones' are of Display P3, printers' CMYK is of anything."""
    if not profile:
        return picture
    flat = picture.convert("RGB") if picture.mode == "P" else picture
    try:
        converted = ImageCms.profileToProfile(
            flat,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        logger.warning("a portrait's colour profile is not used", extra={"reason": str(error)})
        return picture
    assert converted is not None
    return converted


def _confirm(
    picture: Image.Image, box: FaceBox, tracker: LandmarkTracker
) -> NDArray[np.float32] | None:
    # The second look, from a crop around the landmarks, is the precise one; a detection that does
    # not survive it was none.
    first = tracker.track(picture, box.roi)
    return None if first is None else tracker.track(picture, roi_around(first))


def _distinct(candidates: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    kept: list[NDArray[np.float32]] = []
    for face in sorted(candidates, key=_extent, reverse=True):
        center = face[:, :2].mean(axis=0)
        if all(
            np.linalg.norm(center - other[:, :2].mean(axis=0)) > 0.5 * _extent(other)
            for other in kept
        ):
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
    top = eyes[1] - _EYE_LEVEL * side
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
