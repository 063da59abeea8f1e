"""The media files of recordings, and how much they take on the disk, all together."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from threading import Lock

from server.media_file import SUFFIXES
from server.problems import Problem

# When it began, and a number: of whom it is, the name does not tell.
ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")


@dataclass
class Room:
    """Bytes of media, and what changes them; used by threads."""

    limit: int
    used: int = 0
    lock: Lock = field(default_factory=Lock)

    def count(self, folder: Path) -> None:
        """Look what there is. Raises OSError."""
        with self.lock:
            self.used = sum(path.stat().st_size for path in media_in(folder))

    def take(self, count: int) -> None:
        """Raise Problem 507 when there is no room for ``count`` more."""
        with self.lock:
            if self.used + count > self.limit or self.used >= self.limit:
                raise Problem(
                    HTTPStatus.INSUFFICIENT_STORAGE,
                    "recordings-full",
                    f"the recordings take {self.used} bytes, expected at most {self.limit}"
                    " (recording.max_bytes): delete some",
                )
            self.used += count

    def remove(self, media: Path) -> None:
        """Delete a recording, and what is written about it. Raises OSError."""
        with self.lock:
            if media.exists():
                self.used = max(0, self.used - media.stat().st_size)
                media.unlink()
            about(media).unlink(missing_ok=True)

    def put_in_place(self, made: Path, media: Path) -> None:
        """Let ``made``, a copy of ``media`` with more in it, take its place. Raises OSError.

        What was removed meanwhile does not come back: FileNotFoundError is raised then.
        """
        with self.lock:
            self.used += made.stat().st_size - media.stat().st_size
            made.replace(media)


def about(media: Path) -> Path:
    """Where it is written what a recording is of."""
    return media.with_suffix(".json")


def media_in(folder: Path) -> Iterator[Path]:
    """Yield the media files in it, in no order; none if there is no such folder."""
    try:
        yield from (path for path in folder.iterdir() if is_media(path))
    except FileNotFoundError:
        return


def is_media(path: Path) -> bool:
    """Whether it is called as a recording's media are."""
    return path.suffix in SUFFIXES.values() and ID.fullmatch(path.stem) is not None
