"""The outermost boxes of an MP4 file (ISO/IEC 14496-12 section 4.2), without its media."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_HEADER_BYTES = 8
_LARGE_SIZE_BYTES = 8
_USER_TYPE_BYTES = 16
# C2PA 2.2, section A.5.3: where the credentials are in such a file.
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


@dataclass(frozen=True)
class Box:
    """``kind``: four characters. ``user_type``: of the kind "uuid" only, else empty."""

    kind: bytes
    end: int
    user_type: bytes


def boxes(file: IO[bytes]) -> Iterator[Box]:
    """Yield the boxes that are there whole; where one is not, it ends."""
    size = file.seek(0, os.SEEK_END)
    start = 0
    while start + _HEADER_BYTES <= size:
        file.seek(start)
        header = file.read(_HEADER_BYTES + _LARGE_SIZE_BYTES + _USER_TYPE_BYTES)
        length, kind = int.from_bytes(header[:4]), header[4:8]
        content = _HEADER_BYTES
        if length == 1:
            length = int.from_bytes(header[8:16])
            content += _LARGE_SIZE_BYTES
        elif length == 0:
            length = size - start
        end = start + length
        if length < content or end > size:
            return
        is_user = kind == b"uuid"
        yield Box(kind, end, header[content : content + _USER_TYPE_BYTES] if is_user else b"")
        start = end


def has_credentials(path: Path) -> bool:
    """Whether content credentials are in it, whatever they say. Raises OSError."""
    with path.open("rb") as file:
        for box in boxes(file):
            if box.user_type == _C2PA:
                return True
            if box.kind in (b"moof", b"mdat"):
                return False  # they are before all media
    return False


def whole_bytes(path: Path) -> int:
    """How much of it is whole fragments, and what is between them; 0: none is. Raises OSError.

    A table of fragments at its end is no part of that: c2pa (0.38) makes its offsets wrong.
    """
    whole, has_media = 0, False
    with path.open("rb") as file:
        for box in boxes(file):
            has_media = has_media or box.kind == b"mdat"
            # A fragment begins with it: what it describes may not be there.
            if box.kind not in (b"moof", b"mfra"):
                whole = box.end
    return whole if has_media else 0
