"""From the bytes of a picture to one upright, square, framed portrait with its landmarks."""

import io
import logging
import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from model.identity.landmarks import FaceBox, FaceDetector, LandmarkTracker, roi_around
from model.identity.visible import what_is_missing

logger = logging.getLogger(__name__)

MAX_PIXELS = 40_000_000
MIN_FACE_PX = 64

# A face next to the main one counts as a second person from this share of its width on; smaller
# ones are passers-by, posters and the detector's errors.
_SECOND_FACE_SHARE = 0.45
# And only if it is as sure as this: faces of 129 portraits, and their second people, have 0.8 and
# more; folds and hands that pass for one have less.
_SURE_SCORE = 0.7
_FACE_SHARE = 0.4
_EYE_LEVEL = 0.42
# Others either run programs to decode (EPS) or never hold a portrait.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
_PNG, _TEXTS = b"\x89PNG\r\n\x1a\n", (b"tEXt", b"zTXt", b"iTXt")
_BRIGHTEST = (1.0, 255.0, 1023.0, 4095.0, 65535.0)
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


def decode(data: bytes) -> Image.Image:
    """Decode a picture file into upright sRGB; alpha goes over a neutral grey."""
    try:
        picture = _load(data)
        # A large one is not to be in memory more often than it has to.
        ImageOps.exif_transpose(picture, in_place=True)
        return _to_rgb(picture)
    except UnidentifiedImageError:
        raise PortraitError(
            f"the {len(data)} bytes are not a picture: send a JPEG, PNG or WebP file"
        ) from None
    except Image.DecompressionBombError:
        raise PortraitError(_too_large("more than 178")) from None
    except PortraitError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise PortraitError(_damaged(error)) from None


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


def _too_large(megapixels: str) -> str:
    return (
        f"the picture has {megapixels} megapixels, at most {MAX_PIXELS // 1_000_000} are "
        "accepted: scale it down"
    )


def _damaged(error: Exception) -> str:
    return f"the picture is damaged ({error}): export it again or send another"


def _load(data: bytes) -> Image.Image:
    """Read a file's pixels; raises what Pillow raises, PortraitError when there are too many."""
    for left_out in ((), _TEXTS, (*_TEXTS, b"iCCP")) if data.startswith(_PNG) else ((),):
        try:
            picture = _open(_without_chunks(data, left_out))
            pixels = picture.width * picture.height
            if pixels > MAX_PIXELS:
                raise PortraitError(_too_large(f"{pixels / 1e6:.0f}"))
            picture.load()
        except PortraitError:
            raise
        except ValueError as error:
            # Pillow refuses pictures with more than a megabyte of text, or of a colour profile.
            refusal = error
            continue
        if left_out:
            logger.warning("a portrait is read without its texts", extra={"reason": str(refusal)})
        return picture
    raise refusal


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow only warns where we refuse.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=_FORMATS)


def _without_chunks(data: bytes, names: tuple[bytes, ...]) -> bytes:
    """Leave chunks of these names out of a PNG file."""
    if not names:
        return data
    kept, position = [data[: len(_PNG)]], len(_PNG)
    while position < len(data):
        # Length, name, content, checksum; a last one that is cut off is kept.
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] not in names:
            kept.append(data[position:end])
        position = end
    return b"".join(kept)


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Of a grey picture of 16 or 32 bits or of floats, whose brightest may be anything."""
    values = np.asarray(picture)
    if picture.mode == "F":
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    highest = float(values.max())
    # Cameras and scanners put 10 or 12 bits into 16.
    top = next((top for top in _BRIGHTEST if top >= highest), highest)
    if values.dtype.itemsize == 2:
        levels = np.minimum(np.arange(65536) * (255 / top) + 0.5, 255).astype(np.uint8)
        return Image.fromarray(levels[values])
    scaled = values * np.float32(255 / top)
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8))


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        picture = _to_eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        colors = _to_srgb(layer.convert("RGB"), picture.info.get("icc_profile"))
        backdrop = Image.new("RGB", layer.size, _BACKGROUND)
        backdrop.paste(colors, mask=layer.getchannel("A"))
        return backdrop
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
