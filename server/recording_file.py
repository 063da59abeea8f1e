"""The file that one recorder writes."""

import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from server import user_data
from server.media_file import plays
from server.recordings_room import Room, about

logger = logging.getLogger(__name__)


class RecordingFile:
    """Media called ``name``, with ``description`` (JSON) beside them. For the recorder's thread.

    ``path`` is None while there is no file, and again when nothing in it plays.
    """

    def __init__(
        self, make_folder: Callable[[], Path], name: str, description: bytes, room: Room
    ) -> None:
        self.path: Path | None = None
        self._make_folder = make_folder
        self._name = name
        self._description = description
        self._room = room

    def open(self) -> IO[bytes]:
        """Make it. Raises Problem 507, OSError, and what ``make_folder`` raises."""
        path = self._make_folder() / self._name
        self._room.take(0)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.path = path
        file = os.fdopen(handle, "w+b")
        try:
            # Until it is closed, even by a kill: nobody signs what is not complete.
            fcntl.flock(handle, fcntl.LOCK_EX)
            user_data.write_whole(about(path), self._description)
        except BaseException:
            file.close()
            raise
        return CountedFile(file, self._room)  # type: ignore[return-value]

    def check(self) -> None:
        """Remove it if nothing in it plays."""
        if self.path is None:
            return
        try:
            if not plays(self.path):
                self._room.remove(self.path)
                self.path = None
        except OSError as error:
            logger.warning("cannot look at a recording: %s", error, extra={"file": self._name})


class CountedFile:
    """A file that counts what is written, and hands it to the system at once."""

    def __init__(self, file: IO[bytes], room: Room) -> None:
        self._file = file
        self._room = room
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.fileno, self.close = file.fileno, file.close

    def __enter__(self) -> "CountedFile":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        """See IO. Raises Problem 507, OSError."""
        self._room.take(len(data))
        count = self._file.write(data)
        self._file.flush()
        return count
