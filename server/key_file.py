"""The file that the keys are kept in.

A file, not SQLite: there are a few keys, which a person changes now and then and the server reads
as a whole. One JSON text is replaced in one step, can be read and backed up by hand, and needs no
schema to be migrated. What a database would add, many writers at once, is one lock here.
"""

from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from server import keys, user_data
from server.keys import Key, Scope


class KeyFileError(Exception):
    """The keys cannot be read or changed; says what was found, what was expected, what to do."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class _Content:
    version: Literal[1] = 1
    keys: tuple[Key, ...] = field(default=())

    def __post_init__(self) -> None:
        for what, values in (
            ("id", [key.id for key in self.keys]),
            ("name", [key.name for key in self.keys]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"two keys have the same {what}")


_CONTENT: TypeAdapter[_Content] = TypeAdapter(_Content)


def kept_at() -> Path:
    """Where the keys are kept; raises KeyFileError when nobody knows where the user's data is."""
    try:
        return user_data.folder() / "keys.json"
    except user_data.NoDataFolderError as error:
        raise KeyFileError(f"cannot keep keys: {error}") from error


class KeyFile:
    """The keys at ``path``. No file: no keys. Several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[Key, ...] = ()
        self._read_of: tuple[int, ...] | None = None

    def current(self) -> tuple[Key, ...]:
        """The keys as they are now: a running server sees at once what was added or removed.

        The file is read only when it has changed. Raises KeyFileError: it is damaged or cannot be
        read.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._inaccessible(error) from error
        # Every change is a new file, so even two within one tick of the clock are told apart.
        version = status.st_ino, status.st_mtime_ns, status.st_size
        if version != self._read_of:
            self._read = self._load()
            self._read_of = version
        return self._read

    def add(
        self, name: str, scopes: frozenset[Scope], now: datetime, expires: datetime | None
    ) -> str:
        """Make a key, keep its hash, and return its secret, which nothing can show again.

        Raises KeyFileError: the name is no name or taken; the file is damaged (it is left as it
        is), or cannot be read or written.
        """

        def with_new(known: tuple[Key, ...]) -> tuple[Key, ...]:
            if any(key.name == name for key in known):
                raise KeyFileError(
                    f"there is a key {name!r} already: choose another name, or take that one away"
                    f" with `likeness keys remove {name}`"
                )
            return (*known, key)

        try:
            key, secret = keys.make(name, scopes, now, expires)
        except ValidationError as error:
            raise KeyFileError(
                f"found the name {name!r}, expected up to 64 letters, digits, '.', '_' and '-',"
                " the first a letter or a digit"
            ) from error
        self._change(with_new)
        return secret

    def remove(self, name: str) -> None:
        """Forget a key: from now on it opens nothing. Raises KeyFileError, also when unknown."""

        def without(known: tuple[Key, ...]) -> tuple[Key, ...]:
            left = tuple(key for key in known if key.name != name)
            if len(left) == len(known):
                names = ", ".join(key.name for key in known) or "none"
                raise KeyFileError(f"there is no key {name!r}, the keys are: {names}")
            return left

        self._change(without)

    def _change(self, change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
        try:
            user_data.make_folder(self.path.parent)
            with user_data.locked(self.path.parent):
                content = _Content(keys=change(self._load() if self.path.exists() else ()))
                user_data.write_whole(self.path, _CONTENT.dump_json(content, indent=1) + b"\n")
        except OSError as error:
            raise self._inaccessible(error) from error

    def _load(self) -> tuple[Key, ...]:
        try:
            return _CONTENT.validate_json(self.path.read_bytes()).keys
        except OSError as error:
            raise self._inaccessible(error) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "it"
            raise KeyFileError(
                f"{self.path} is damaged ({where}: {first['msg']}), expected what `likeness keys`"
                " writes: repair it or restore a copy; or move it away, and add new keys"
            ) from error

    def _inaccessible(self, error: OSError) -> KeyFileError:
        return KeyFileError(
            f"cannot keep keys at {self.path}: {error.strerror}: allow it, or set XDG_DATA_HOME to"
            " another folder"
        )
