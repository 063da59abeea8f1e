"""The boxes of an MP4 file: which are whole, and whether credentials are among them."""

import io
from pathlib import Path

import pytest

from server.mp4_boxes import boxes, has_credentials, whole_bytes

C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
HEADER = b"\0\0\0\x0cftypiso5"
MOOV = b"\0\0\0\x08moov"
MOOF = b"\0\0\0\x0amoof??"
MDAT = b"\0\0\0\x0bmdat???"
SIGNATURE = b"\0\0\0\x1auuid" + C2PA + b"??"
OTHER = b"\0\0\0\x1auuid" + bytes(16) + b"??"


def found(content: bytes) -> list[tuple[bytes, int]]:
    return [(box.kind, box.end) for box in boxes(io.BytesIO(content))]


def test_each_ends_where_the_next_begins() -> None:
    assert found(HEADER + MOOV + MDAT) == [(b"ftyp", 12), (b"moov", 20), (b"mdat", 31)]


def test_large_ones_and_the_last_say_their_size_otherwise() -> None:
    large = b"\0\0\0\x01mdat" + (19).to_bytes(8) + b"???"
    assert found(large + MOOV) == [(b"mdat", 19), (b"moov", 27)]
    assert found(HEADER + b"\0\0\0\0mdat" + bytes(100)) == [(b"ftyp", 12), (b"mdat", 120)]


@pytest.mark.parametrize(
    "damaged",
    [b"\0\0\0\x07free", b"\0\0\0\x09free", b"\0\0\0\x01free" + (15).to_bytes(8), b"\0\0\0"],
)
def test_what_is_not_whole_ends_it(damaged: bytes) -> None:
    assert found(HEADER + damaged) == [(b"ftyp", 12)]


@pytest.mark.parametrize(
    ("content", "has"),
    [
        (HEADER + SIGNATURE + MOOV, True),
        (HEADER + OTHER + SIGNATURE + MOOV, True),
        (HEADER + OTHER + MOOV, False),
        (HEADER + b"\0\0\0\x1afree" + C2PA + b"??" + MOOV, False),
        (HEADER + MOOV + MOOF + MDAT + SIGNATURE, False),
        (b"", False),
    ],
)
def test_credentials_are_known_by_their_box(tmp_path: Path, content: bytes, has: bool) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert has_credentials(path) == has


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (HEADER + MOOV + MOOF + MDAT, 41),
        (HEADER + MOOV + MOOF + MDAT + MOOF + MDAT[:-1], 41),
        (HEADER + MOOV + MOOF + MDAT + MOOF, 41),
        (HEADER + MOOV + MOOF + MDAT + MOOF[:5], 41),
        (HEADER + MOOV + MOOF + MDAT + b"\0\0\0\x08free", 49),
        (HEADER + MOOV + MOOF + MDAT + b"\0\0\0\x08mfra", 41),
        (HEADER + MOOV + MOOF + MDAT[:-1], 0),
        (HEADER + MOOV, 0),
        (b"", 0),
    ],
)
def test_a_fragment_is_whole_with_its_media(tmp_path: Path, content: bytes, whole: int) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert whole_bytes(path) == whole
