import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from model.identity.landmarks import FaceBox, FaceDetector
from model.identity.portrait import PortraitError, decode, find_face, read_portrait
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


@pytest.mark.parametrize("score", [0.69, 0.71])
def test_what_may_be_no_face_is_no_second_person(
    score: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Image.new("RGB", (700, 288))
    both.paste(picture(), (0, 0))
    both.paste(picture(), (400, 0))
    detect = FaceDetector.detect

    def unsure(detector: FaceDetector, image: Image.Image) -> list[FaceBox]:
        boxes = detect(detector, image)
        return [replace(box, score=score if box.left > 350 else 0.9) for box in boxes]

    monkeypatch.setattr(FaceDetector, "detect", unsure)
    if score > 0.7:
        with pytest.raises(PortraitError, match="found 2 faces"):
            find_face(both)
    else:
        assert find_face(both)[:, 0].max() < 350


def scene(size: tuple[int, int], face_px: float, center: tuple[float, float]) -> Image.Image:
    """A picture with the astronaut's face so wide and there."""
    one = picture()
    face = find_face(one)
    scale = face_px / float(np.linalg.norm(face[454, :2] - face[234, :2]))
    left, top = np.subtract(center, face[:, :2].mean(axis=0) * scale)
    result = Image.new("RGB", size, (120, 125, 130))
    small = one.resize((round(one.width * scale), round(one.height * scale)))
    result.paste(small, (round(left), round(top)))
    return result


@pytest.mark.parametrize("place", [0.1, 0.3, 0.4, 0.65, 0.8])
def test_a_face_is_found_wherever_in_a_long_picture(place: float) -> None:
    for size in ((540, 1200), (1800, 450)):
        center = (size[0] / 2, place * size[1]) if size[1] > size[0] else (place * size[0], 225)
        found = find_face(scene(size, 85, center))
        assert np.abs(found[:, :2].mean(axis=0) - center).max() < 10


def test_a_small_face_in_a_large_picture_is_found() -> None:
    found = find_face(scene((1600, 1600), 66, (760, 620)))
    assert np.abs(found[:, :2].mean(axis=0) - (760, 620)).max() < 10


def test_the_longest_picture_has_no_end_of_tiles() -> None:
    with pytest.raises(PortraitError, match="found no face in the 200000x20 picture"):
        find_face(Image.new("RGB", (200_000, 20)))


@pytest.mark.parametrize("side", ["below", "aside"])
def test_a_face_that_is_cut_in_two_is_refused(side: str) -> None:
    large = picture().resize((800, 800))
    face = find_face(large)[:, :2]
    x, y = face[13]
    cut = (0, 0, 800, int(y)) if side == "below" else (int(x), 0, 800, 800)
    with pytest.raises(PortraitError, match="its mouth beyond the edge"):
        find_face(large.crop(cut))


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
