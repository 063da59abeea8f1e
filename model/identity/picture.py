"""From the bytes of a picture file to its pixels: upright, in sRGB."""

import io
import logging
import struct
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

logger = logging.getLogger(__name__)

MAX_PIXELS = 40_000_000

# Others either run programs to decode (EPS) or never hold a portrait.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
_PNG, _TEXTS = b"\x89PNG\r\n\x1a\n", (b"tEXt", b"zTXt", b"iTXt")
_BRIGHTEST = (1.0, 255.0, 1023.0, 4095.0, 65535.0)
_BACKGROUND = (128, 128, 128)
# What a camera held otherwise has to be turned by, by its orientation (EXIF 2.32, tag 274).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises on files that other programs have written amiss.
_UNREADABLE = (
    ArithmeticError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


class PortraitError(ValueError):
    """A picture that cannot become a portrait; the message says why and what to do."""


def decode(data: bytes) -> Image.Image:
    """Decode a picture file into upright sRGB; alpha goes over a neutral grey."""
    try:
        # A large one is not to be in memory more often than it has to.
        return _to_rgb(_upright(_load(data)))
    except UnidentifiedImageError:
        raise PortraitError(
            f"the {len(data)} bytes are not a picture: send a JPEG, PNG or WebP file"
        ) from None
    except Image.DecompressionBombError:
        raise PortraitError(_too_large("more than 178")) from None
    except PortraitError:
        raise
    except _UNREADABLE as error:
        raise PortraitError(_damaged(error)) from None


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
        # Pillow only warns where we refuse, and of metadata that nobody reads.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
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


def _upright(picture: Image.Image) -> Image.Image:
    """Turn as its metadata say. What else they hold is not looked at: phones write much amiss."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of every tag that is amiss.
            warnings.simplefilter("ignore", UserWarning)
            orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except _UNREADABLE as error:
        logger.warning("a portrait's metadata are not used", extra={"reason": str(error)})
        return picture
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


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
