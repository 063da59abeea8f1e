"""The folder in which Likeness keeps what is this user's, and how a file is put there."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


class NoDataFolderError(Exception):
    """Nobody knows where this user's data is; says what to set."""


def folder() -> Path:
    """``likeness`` in ``XDG_DATA_HOME``, by default in ``~/.local/share``; it may not exist yet.

    A relative ``XDG_DATA_HOME`` counts as not set (XDG Base Directory Specification). Raises
    NoDataFolderError when there is no home directory either.
    """
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():
        try:
            data = Path.home() / ".local" / "share"
        except RuntimeError as error:
            raise NoDataFolderError(
                "found no home directory: set XDG_DATA_HOME to a folder"
            ) from error
    return data / "likeness"


def make_folder(path: Path) -> None:
    """Create ``path``, and what is above it, if need be, for its owner only. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file there whole or not at all, which only its owner can read. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two who change it at once must not undo each other's change.

    Raises OSError.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
