"""The mark: what it does to a picture, where it is found, and where it is not."""

import hashlib
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.frames.watermark import Watermark, carriers, pattern
from model.frames.watermark_detector import (
    SIDE_PX,
    THRESHOLD,
    WatermarkDetector,
    agreement,
    spectrum,
)

Luma = NDArray[np.uint8]


def photograph(portrait: bytes, size_px: int = 512) -> Luma:
    """Its brightness in video range."""
    gray = Image.open(io.BytesIO(portrait)).convert("L").resize((size_px, size_px))
    return np.rint(16 + np.asarray(gray) * (219 / 255)).astype(np.uint8)


def marked(luma: Luma) -> Luma:
    watermark, copy = Watermark(len(luma)), luma.copy()
    watermark.fit(copy)
    watermark.add(copy)
    return copy


def score(luma: Luma) -> float:
    detector = WatermarkDetector()
    detector.add(np.asarray(Image.fromarray(luma).resize((SIDE_PX, SIDE_PX)), np.uint8))
    return detector.score()


def change(luma: Luma) -> NDArray[np.int64]:
    return marked(luma).astype(np.int64) - luma


@pytest.mark.parametrize("size_px", [256, 512, 768, 1024])
def test_one_picture_of_any_size_is_enough(portrait: bytes, size_px: int) -> None:
    plain = photograph(portrait, size_px)
    assert abs(score(plain)) < 4
    assert score(marked(plain)) > 2 * THRESHOLD


@pytest.mark.parametrize("side_px", [128, 200, 256, 340])
def test_it_is_still_there_in_a_smaller_picture(portrait: bytes, side_px: int) -> None:
    small = Image.fromarray(marked(photograph(portrait))).resize((side_px, side_px))
    assert score(np.asarray(small, np.uint8)) > THRESHOLD


def test_it_is_faint(portrait: bytes) -> None:
    # A step of video range is 255/219 of one of full range.
    error = np.square(change(photograph(portrait)) * (255 / 219)).mean()
    assert 10 * np.log10(255**2 / error) > 42


@pytest.mark.parametrize("level", [16, 40, 126, 235])
def test_where_nothing_hides_it_it_is_one_step_here_and_there(level: int) -> None:
    flat = np.full((512, 512), level, np.uint8)
    assert set(np.unique(change(flat))) == {-1, 0, 1}
    assert np.count_nonzero(change(flat)) < 0.15 * flat.size


def test_shading_hides_nothing() -> None:
    slope = np.broadcast_to(np.linspace(30, 220, 512).astype(np.uint8), (512, 512)).copy()
    assert np.abs(change(slope)).max() == 1


def test_detail_hides_more_of_it_but_not_beside_an_edge() -> None:
    half = np.full((512, 512), 120, np.uint8)
    half[:, :256] += np.random.default_rng(0).integers(0, 40, (512, 256), np.uint8)
    strength = np.abs(change(half)).reshape(512, 64, 8).mean(axis=(0, 2))
    assert strength[:31].min() > 3 * strength[33:].max()
    assert strength[31] < 0.6 * strength[:31].min()


def test_nothing_overflows() -> None:
    for seed in range(3):
        noise = 16 + 219 * np.random.default_rng(seed).integers(0, 2, (256, 256)).astype(np.uint8)
        assert np.abs(change(noise.astype(np.uint8))).max() <= 5


def test_the_phases_are_those_of_all_videos_made_so_far() -> None:
    found = hashlib.sha256(carriers().phases.astype("<f8").tobytes()).hexdigest()
    assert found == "d41491a4ed3be9b1b4710095a60a02cdc2389a566505c557856bd83bea4d8df3"


@pytest.mark.parametrize(
    ("size_px", "expected"),
    [
        (256, "3227bb3738e32418e0101329dd4a4405abcf40df6fb7f8ea0a9b73adbcc89023"),
        (512, "df671f072ad128e839e9580ca05840e057e23565d6099bff0b5d55f42b49e8ac"),
    ],
)
def test_the_pattern_is_that_of_all_videos_made_so_far(size_px: int, expected: str) -> None:
    # Rounded: nothing in it is so near to a half that another processor's last digit changes it.
    rounded = np.rint(pattern(size_px)).astype(np.int8)
    assert hashlib.sha256(rounded.tobytes()).hexdigest() == expected


def test_the_score_of_what_is_not_marked_is_normal(portrait: bytes) -> None:
    """Tried with the phases of 3,000 marks that it does not bear."""
    tries = np.random.default_rng(0).uniform(0, 2 * np.pi, (3_000, len(carriers().phases)))
    for picture in (photograph(portrait, SIDE_PX), np.full((SIDE_PX, SIDE_PX), 90, np.uint8)):
        angles = np.angle(spectrum(picture.astype(np.float64)))
        scores = np.cos(tries - angles).sum(axis=1) / np.sqrt(len(angles) / 2)
        assert scores.mean() == pytest.approx(0, abs=0.06)
        assert scores.std() == pytest.approx(1, abs=0.06)
        assert scores.max() < THRESHOLD
        assert np.mean(scores > 2) < 0.035  # 0.023 of a normal distribution


def test_no_other_mark_is_taken_for_it(portrait: bytes) -> None:
    bearing = marked(photograph(portrait, SIDE_PX)).astype(np.float64)
    assert agreement(bearing) > THRESHOLD
    assert abs(agreement(bearing, carriers(b"another").phases)) < 4


def test_what_it_is_not_found_in() -> None:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:512, 0:512]
    pictures = [
        *(random.integers(16, 235, (512, 512)) for _ in range(20)),
        *(np.kron(random.integers(16, 235, (32, 32)), np.ones((16, 16))) for _ in range(20)),
        np.zeros((512, 512)),
        rows // 2,
        128 + 100 * np.sin(rows / 3) * np.cos(columns / 5),
        235 * ((rows // 8 + columns // 8) % 2),
    ]
    scores = [score(picture.astype(np.uint8)) for picture in pictures]
    assert max(scores) < 4
    assert min(scores) > -4


def test_frames_add_up() -> None:
    """Each is too noisy alone."""
    random = np.random.default_rng(0)
    detector = WatermarkDetector()
    mark = Watermark(SIDE_PX)
    scores = []
    for _ in range(60):
        noisy = random.normal(120, 12, (SIDE_PX, SIDE_PX)).clip(16, 235).astype(np.uint8)
        mark.add(noisy)
        detector.add(noisy)
        scores.append(detector.score())
    assert scores[0] < THRESHOLD
    assert scores[-1] > 2 * THRESHOLD
    assert detector.frames == 60


def test_frames_of_another_size_and_none_at_all() -> None:
    detector = WatermarkDetector()
    with pytest.raises(ValueError, match="no frames"):
        detector.score()
    with pytest.raises(ValueError, match=r"\(8, 8\), expected \(256, 256\)"):
        detector.add(np.zeros((8, 8), np.uint8))
