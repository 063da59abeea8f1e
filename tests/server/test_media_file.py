"""Coded packets in a file: what plays is what was sent, when it was."""

import io
from fractions import Fraction
from pathlib import Path

import pytest

from server.media_file import SUFFIXES, MediaFile, is_keyframe
from server.sdp import VideoCodec
from tests.server.fakes import SIZE_PX
from tests.server.media import LOUDNESS, Source, decoded, stamps


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_a_key_frame_is_known_by_its_bytes(codec: VideoCodec) -> None:
    for picture, _, _ in Source(codec).frames(60):
        assert is_keyframe(codec, picture.data) == picture.is_keyframe


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_it_begins_with_a_key_frame_and_keeps_every_time(codec: VideoCodec, tmp_path: Path) -> None:
    path = tmp_path / f"film{SUFFIXES[codec]}"
    sent: dict[str, list[Fraction]] = {"video": [], "audio": []}
    last_pts = 0
    with path.open("w+b") as file:
        media = MediaFile(file, codec, SIZE_PX)
        for picture, due, voice in Source(codec).frames(80):
            if picture.index < 10:
                continue  # it comes in the middle: the next key frame is the 25th picture
            # Late as on a slow machine: one every so often, and then two right after each other.
            pts = due + 1500 * (picture.index % 7 == 3)
            if picture.index % 11 == 5:
                pts = last_pts + 1
            last_pts = pts
            media.write_picture(picture.data, pts)
            if picture.index >= 25:
                sent["video"].append(Fraction(pts, 90_000) - 1)
            for data, at in voice:
                if not 100 <= at // 960 < 120:  # a gap, as after drops
                    media.write_voice(data, at)
                    if picture.index >= 25:
                        sent["audio"].append(Fraction(at, 48_000) - 1)
        media.close()
    exact = Fraction(1, 90_000) if codec is VideoCodec.H264 else Fraction(3, 1000)
    for kind, expected in sent.items():
        found = stamps(path, kind)
        assert len(found) == len(expected)
        worst = max(abs(a - b) for a, b in zip(found, expected, strict=True))
        # The header says how much an Opus decoder must skip: 2.5 ms.
        assert worst <= exact + Fraction(3, 1000) * (kind == "audio")
    pictures, rms = decoded(path)
    assert pictures == 55
    assert rms == pytest.approx(LOUDNESS, rel=0.05)


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_without_a_key_frame_nothing_is_written(codec: VideoCodec) -> None:
    file = io.BytesIO()
    media = MediaFile(file, codec, SIZE_PX)
    for picture, pts, voice in Source(codec).frames(5):
        if not picture.is_keyframe:
            media.write_picture(picture.data, pts)
        media.write_voice(*voice[0])
    media.close()
    assert not media.has_begun
    assert file.getvalue() == b""
