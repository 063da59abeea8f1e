"""What leaves is marked: through both codecs, in every frame, unless it is switched off."""

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.frames.watermark_detector import SIDE_PX, THRESHOLD, WatermarkDetector
from model.rates import FPS
from server.config import TrustConfig, VideoConfig
from server.encoders import PictureEncoder
from server.outgoing import OutgoingPictures
from server.planes import plane
from server.sdp import VideoCodec

SIZE_PX = 512
OFF = TrustConfig(watermark=False)
DECODERS = {VideoCodec.H264: "h264", VideoCodec.VP8: "vp8"}


def scene(frames: int) -> list[NDArray[np.uint8]]:
    """A grainy patch that sways before a smooth background, as a head does."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    background = np.stack([90 + rows // 8, 120 + columns // 16, 100 + rows // 16], axis=-1)
    grain = Image.fromarray(random.integers(0, 255, (300, 240, 3), np.uint8))
    patch = np.asarray(grain.filter(ImageFilter.GaussianBlur(3)))
    pictures = []
    for index in range(frames):
        picture = background.astype(np.uint8)
        top, left = 120 + round(4 * np.sin(index / 7)), 136 + round(9 * np.sin(index / 11))
        picture[top : top + 300, left : left + 240] = patch
        pictures.append(picture)
    return pictures


def score(frames: list[av.VideoFrame], side_px: int) -> float:
    """Of frames made smaller first, as a site that shows them would."""
    detector, smaller, looked_at = WatermarkDetector(), VideoReformatter(), VideoReformatter()
    for frame in frames:
        small = smaller.reformat(frame, width=side_px, height=side_px, format="yuv420p")
        gray = looked_at.reformat(small, width=SIDE_PX, height=SIDE_PX, format="gray8")
        detector.add(plane(gray, 0))
    return detector.score()


def sent(codec: VideoCodec, trust: TrustConfig) -> list[av.VideoFrame]:
    """Three seconds as a browser decodes them, at 500 kbps."""
    encoder = PictureEncoder(codec, VideoConfig(bitrate_kbps=500), trust)
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown: list[av.VideoFrame] = []
    for index, picture in enumerate(scene(3 * FPS)):
        shown += decoder.decode(av.Packet(encoder.encode(picture, index).data))
    shown += decoder.decode(None)
    assert len(shown) == 3 * FPS
    return shown


@pytest.mark.parametrize("codec", VideoCodec)
def test_the_mark_outlives_500_kbps_and_half_the_size(codec: VideoCodec) -> None:
    assert score(sent(codec, TrustConfig()), SIZE_PX // 2) > 1.5 * THRESHOLD


@pytest.mark.parametrize("codec", VideoCodec)
def test_without_it_nothing_is_found(codec: VideoCodec) -> None:
    assert abs(score(sent(codec, OFF), SIZE_PX // 2)) < 4


def test_every_frame_is_marked_also_those_that_it_is_not_fitted_to() -> None:
    outgoing = OutgoingPictures(SIZE_PX, TrustConfig())
    frames = [outgoing.convert(p, refit=i == 0) for i, p in enumerate(scene(4))]
    assert all(score([frame], SIZE_PX) > THRESHOLD for frame in frames)


def test_a_frame_that_it_was_never_fitted_to_is_marked_faintly() -> None:
    picture = scene(1)[0]
    frame = OutgoingPictures(SIZE_PX, TrustConfig()).convert(picture, refit=False)
    plain = OutgoingPictures(SIZE_PX, OFF).convert(picture, refit=False)
    assert score([frame], SIZE_PX) > THRESHOLD
    assert np.abs(plane(frame, 0).astype(int) - plane(plain, 0)).max() == 1


def test_only_brightness_changes_and_not_the_picture_given() -> None:
    picture = scene(1)[0]
    before = picture.copy()
    frame = OutgoingPictures(SIZE_PX, TrustConfig()).convert(picture, refit=True)
    plain = OutgoingPictures(SIZE_PX, OFF).convert(picture, refit=True)
    np.testing.assert_array_equal(picture, before)
    for index in (1, 2):
        np.testing.assert_array_equal(plane(frame, index), plane(plain, index))
    assert plane(frame, 0).min() >= 11
    assert plane(frame, 0).max() <= 240


def test_a_picture_of_half_the_size_leaves_enlarged_in_its_place_and_marked() -> None:
    picture = scene(1)[0]
    quarters = picture.reshape(SIZE_PX // 2, 2, SIZE_PX // 2, 2, 3)
    half = quarters.mean(axis=(1, 3)).round().astype(np.uint8)
    outgoing = OutgoingPictures(SIZE_PX, OFF)
    whole, enlarged = (plane(outgoing.convert(p, refit=True), 0) for p in (picture, half))
    assert whole.shape == enlarged.shape

    def error(right_px: int) -> float:
        moved = np.roll(enlarged, right_px, axis=1).astype(float)
        return float(np.abs(moved - whole)[:, 8:-8].mean())

    assert error(0) < 0.5
    assert error(0) < min(error(-1), error(1)) / 2
    marked = OutgoingPictures(SIZE_PX, TrustConfig()).convert(half, refit=True)
    assert score([marked], SIZE_PX // 2) > THRESHOLD


def test_other_sizes_are_refused() -> None:
    third = np.zeros((SIZE_PX // 3, SIZE_PX // 3, 3), np.uint8)
    with pytest.raises(ValueError, match=r"found a picture of shape \(170, 170, 3\), expected"):
        OutgoingPictures(SIZE_PX, OFF).convert(third, refit=True)


@pytest.mark.parametrize("size_px", [256, 512, 1024])
def test_the_badge_is_in_its_corner_and_can_be_read(size_px: int) -> None:
    gray = np.full((size_px, size_px, 3), 128, np.uint8)
    trust = TrustConfig(watermark=False, badge=True)
    shown = OutgoingPictures(size_px, trust).convert(gray, refit=True).to_ndarray(format="rgb24")
    changed = np.abs(shown.astype(int) - 128).max(axis=-1) > 3
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[0] > 0.85 * size_px
    assert columns[0] > 0.83 * size_px
    assert rows[-1] < 0.98 * size_px
    assert columns[-1] < 0.98 * size_px
    badge = shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert badge.max() > 245
    assert np.median(badge) < 64
    assert 0.07 < np.mean(badge[..., 1] > 200) < 0.3
    assert np.ptp(badge.astype(int), axis=-1).max() <= 6, "it has no color"


def test_the_mark_is_found_under_the_badge() -> None:
    frame = OutgoingPictures(SIZE_PX, TrustConfig(badge=True)).convert(scene(1)[0], refit=True)
    assert score([frame], SIZE_PX) > THRESHOLD


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(8, 8, 3\), expected \(256, 256, 3\)"):
        OutgoingPictures(256, TrustConfig()).convert(np.zeros((8, 8, 3), np.uint8), refit=True)
