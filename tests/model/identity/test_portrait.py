import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from model.identity.portrait import PortraitError, decode, read_portrait
from tests.model.identity.astronaut import encode, picture


def claim(width: int, height: int) -> bytes:
    """A PNG file whose header claims a size that its data do not have."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pieces = chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


def grey_noise(size: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(noise)


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


def test_a_photo_turned_by_exif_gives_the_same_face() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture().rotate(90, expand=True)
    upright = read_portrait(encode(picture(), "JPEG", quality=95), 256)
    from_exif = read_portrait(encode(turned, "JPEG", quality=95, exif=exif), 256)
    assert np.abs(upright.landmarks - from_exif.landmarks)[:, :2].max() < 2


def test_too_many_pixels_are_refused_from_the_header() -> None:
    with pytest.raises(PortraitError, match=r"64 megapixels, at most 40 .*scale it down"):
        decode(claim(8000, 8000))
    with pytest.raises(PortraitError, match="more than 178 megapixels"):
        decode(claim(20000, 20000))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"


@pytest.mark.parametrize("data", [EPS, b"", b"hello, this is no picture", b"\x00" * 100])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PortraitError, match=f"the {len(data)} bytes are not a picture"):
        decode(data)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(file_format: str) -> None:
    data = encode(picture(), file_format)
    with pytest.raises(PortraitError, match=r"damaged|not a picture"):
        decode(data[: len(data) // 2])


def test_a_picture_without_a_face_is_refused() -> None:
    with pytest.raises(PortraitError, match="found no face in the 300x300 picture, expected 1"):
        read_portrait(encode(grey_noise(300)), 256)


def test_two_people_are_refused() -> None:
    one = picture()
    both = Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    with pytest.raises(PortraitError, match="found 2 faces, expected 1: crop"):
        read_portrait(encode(both), 256)


def test_a_passer_by_is_ignored() -> None:
    large = picture().resize((800, 800))
    small = picture().resize((160, 160))
    scene = Image.new("RGB", (1000, 800), (90, 110, 120))
    scene.paste(large, (0, 0))
    scene.paste(small, (820, 20))
    portrait = read_portrait(encode(scene), 256)
    assert portrait.landmarks[:, 0].max() - portrait.landmarks[:, 0].min() > 60


def test_a_small_face_is_refused_with_the_pixels_it_needs() -> None:
    tiny = picture().resize((130, 130))
    with pytest.raises(PortraitError, match=r"face is \d+ px wide, needs at least 64 px"):
        read_portrait(encode(tiny), 256)


def test_the_crop_is_a_bust_and_square() -> None:
    wide = Image.new("RGB", (1600, 1000), (80, 90, 100))
    wide.paste(picture(), (1000, 400))
    portrait = read_portrait(encode(wide), 320)
    assert portrait.image.size == (320, 320)
    width = portrait.landmarks[454, 0] - portrait.landmarks[234, 0]
    assert 0.33 < width / 320 < 0.47
    assert (portrait.landmarks[:, :2] > 0).all()
    assert (portrait.landmarks[:, :2] < 320).all()


def test_landmarks_lie_on_the_scaled_picture() -> None:
    small, large = (read_portrait(encode(picture()), size) for size in (256, 512))
    scaled = (small.landmarks[:, :2] + 0.5) * 2 - 0.5
    assert np.abs(scaled - large.landmarks[:, :2]).max() < 0.01


def test_bytes_are_not_changed_by_reading() -> None:
    data = encode(picture())
    assert decode(data).tobytes() == Image.open(io.BytesIO(data)).tobytes()
