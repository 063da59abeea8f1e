from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.identity.landmarks import FaceBox, FaceDetector
from model.identity.picture import PortraitError
from model.identity.portrait import find_face, read_portrait
from tests.model.identity.astronaut import encode, picture


def grey_noise(size: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def test_a_photo_turned_by_exif_gives_the_same_face() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture().rotate(90, expand=True)
    upright = read_portrait(encode(picture(), "JPEG", quality=95), 256)
    from_exif = read_portrait(encode(turned, "JPEG", quality=95, exif=exif), 256)
    assert np.abs(upright.landmarks - from_exif.landmarks)[:, :2].max() < 2


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


def test_a_face_that_fills_a_tall_picture_keeps_its_chin() -> None:
    portrait = read_portrait(encode(scene((500, 667), 420, (250, 400))), 256)
    assert portrait.landmarks[:, 1].max() < 256


def test_landmarks_lie_on_the_scaled_picture() -> None:
    small, large = (read_portrait(encode(picture()), size) for size in (256, 512))
    scaled = (small.landmarks[:, :2] + 0.5) * 2 - 0.5
    assert np.abs(scaled - large.landmarks[:, :2]).max() < 0.01
