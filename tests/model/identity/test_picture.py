import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from model.identity.picture import PortraitError, decode
from tests.model.identity.astronaut import encode, picture

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"


def claim(width: int, height: int) -> bytes:
    """A PNG file whose header claims a size that its data do not have."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pieces = chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG")],
)
def test_every_colour_mode_becomes_rgb(mode: str, file_format: str) -> None:
    source = picture()
    decoded = decode(encode(source.convert(mode), file_format))
    assert decoded.mode == "RGB"
    assert decoded.size == source.size
    difference = np.asarray(decoded.convert("L"), float) - np.asarray(source.convert("L"), float)
    assert abs(difference.mean()) < 12


def test_sixteen_bits_keep_their_range() -> None:
    ramp = np.linspace(0, 65535, 256 * 64).reshape(64, 256).astype(np.uint16)
    decoded = np.asarray(decode(encode(Image.fromarray(ramp))))
    assert decoded.shape == (64, 256, 3)
    assert decoded.min() == 0
    assert decoded.max() == 255


@pytest.mark.parametrize("top", [1, 255, 1023, 4095, 65535])
def test_fewer_bits_in_a_file_of_sixteen_are_as_bright(top: int) -> None:
    """Cameras and scanners store 10 or 12 bits so: as dark as a 16th, or a 64th."""
    ramp = np.linspace(0, top, 256 * 64).round().reshape(64, 256).astype(np.uint16)
    decoded = np.asarray(decode(encode(Image.fromarray(ramp))))
    assert decoded.min() == 0
    assert decoded.max() == 255
    assert decoded.mean() == pytest.approx(127.5, abs=1)


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_floats_have_their_range_too(top: float) -> None:
    ramp = np.linspace(0, top, 256 * 64, dtype=np.float32).reshape(64, 256)
    ramp[0, :2] = np.nan, np.inf
    decoded = np.asarray(decode(encode(Image.fromarray(ramp), "TIFF")))
    assert (decoded.min(), decoded.max()) == (0, 255)
    assert decoded.mean() == pytest.approx(127.5, abs=1)


def test_a_picture_with_more_text_than_pillow_reads_is_read() -> None:
    """Picture generators write megabytes of it."""
    source = Image.new("RGB", (16, 16), (204, 51, 51))
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    assert decode(encode(source, pnginfo=text)).tobytes() == source.tobytes()
    # Its profile is kept, unless that is what is too long.
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = standard.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    blue = np.asarray(decode(encode(source, pnginfo=text, icc_profile=swapped)), int)[8, 8]
    assert np.abs(blue - (51, 51, 204)).max() <= 3
    long = decode(encode(source, icc_profile=b"x" * 2_000_000))
    assert long.tobytes() == source.tobytes()


def test_a_truncated_picture_with_too_much_text_is_refused() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    data = encode(picture(), pnginfo=text)
    with pytest.raises(PortraitError, match="damaged"):
        decode(data[: len(data) // 2])


def test_what_is_transparent_becomes_grey() -> None:
    layer = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert decode(encode(layer)).getpixel((3, 3)) == (128, 128, 128)


@pytest.mark.parametrize(("mode", "file_format"), [("RGB", "JPEG"), ("RGBA", "PNG"), ("P", "PNG")])
def test_colours_are_what_their_profile_says(mode: str, file_format: str) -> None:
    # sRGB but for its red, which is blue, and its blue, which is red.
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = standard.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    red = Image.new("RGB", (16, 16), (204, 51, 51)).convert(mode)
    for profile, expected in ((standard, (204, 51, 51)), (swapped, (51, 51, 204))):
        shown = np.asarray(decode(encode(red, file_format, icc_profile=profile)), int)[8, 8]
        assert np.abs(shown - expected).max() <= 3


def test_a_profile_that_is_none_is_told_and_not_used(caplog: pytest.LogCaptureFixture) -> None:
    red = Image.new("RGB", (16, 16), (200, 40, 40))
    shown = decode(encode(red, "PNG", icc_profile=b"no profile")).getpixel((8, 8))
    assert shown == (200, 40, 40)
    assert "colour profile is not used" in caplog.text


def test_too_many_pixels_are_refused_from_the_header() -> None:
    with pytest.raises(PortraitError, match=r"64 megapixels, at most 40 .*scale it down"):
        decode(claim(8000, 8000))
    with pytest.raises(PortraitError, match="more than 178 megapixels"):
        decode(claim(20000, 20000))


@pytest.mark.parametrize("data", [EPS, b"", b"hello, this is no picture", b"\x00" * 100])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PortraitError, match=f"the {len(data)} bytes are not a picture"):
        decode(data)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(file_format: str) -> None:
    data = encode(picture(), file_format)
    with pytest.raises(PortraitError, match=r"damaged|not a picture"):
        decode(data[: len(data) // 2])


def test_bytes_are_not_changed_by_reading() -> None:
    data = encode(picture())
    assert decode(data).tobytes() == Image.open(io.BytesIO(data)).tobytes()


def metadata(*entries: bytes) -> bytes:
    """EXIF of one directory (TIFF 6.0), for what no library writes."""
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory


LYING = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
# A number of 16 bits that is written as one of 32; one that is not there at all.
TOO_LARGE = struct.pack("<HHII", 0x0213, 4, 1, 70_000)
MISSING = struct.pack("<HHII", 0x0213, 3, 0, 0)


@pytest.mark.parametrize("odd", [b"", TOO_LARGE, MISSING])
def test_a_photo_is_turned_whatever_else_its_metadata_say(odd: bytes) -> None:
    tall = Image.new("RGB", (16, 32), (200, 40, 40))
    exif = metadata(LYING, odd) if odd else metadata(LYING)
    assert decode(encode(tall, "JPEG", exif=exif)).size == (32, 16)


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0XX", metadata()])
def test_a_photo_with_metadata_that_are_none_is_taken_as_it_is(exif: bytes) -> None:
    tall = Image.new("RGB", (16, 32), (200, 40, 40))
    assert decode(encode(tall, "JPEG", exif=exif)).size == (16, 32)
