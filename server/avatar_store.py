"""The folder that named avatars are kept in.

Files, not SQLite: an avatar is a picture and a few words, of which there are some dozens, and
nothing ever asks for more than one of them or all. Each has a folder of its own: what is damaged
there is one avatar, not all; a person can look at it, copy it and throw it away; nothing has to be
migrated. What a database would add, changes that are whole or not at all, is one file here:
``avatar.json`` is written last and names the others by the picture's hash, so that they belong to
the avatar from that moment on.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from model.avatar import Controls
from server import user_data
from server.config import AvatarConfig
from server.consent import Consent
from server.keys import NAME_PATTERN
from server.messages import ExpressionName, UnitInterval

T = TypeVar("T")

_RECORD_FILE = "avatar.json"


class AvatarStoreError(Exception):
    """The avatars cannot be read or written; says what was found and what to do."""


class DamagedAvatarError(AvatarStoreError):
    """One avatar's files are not as they were written."""


class UnknownAvatarError(Exception):
    """There is no avatar of this name."""


class NoRoomError(Exception):
    """As many avatars, or as much of them, as may be kept; says which and what to do."""


class NameTakenError(Exception):
    """There is such an avatar already, or one that some file systems take for the same."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Settings:
    """What a call with the avatar begins with; as a caller may set it by ``server.messages``."""

    expression: ExpressionName = "neutral"
    expression_strength: UnitInterval = 0.5
    head_speed: UnitInterval = 0.5

    def controls(self) -> Controls:
        """The same for the model."""
        return Controls(self.expression, self.expression_strength, self.head_speed)


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Record:
    """An avatar as it is kept, but for its pictures: the file that came, and the prepared still."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    settings: Settings
    consent: Consent
    created: AwareDatetime
    changed: AwareDatetime

    @property
    def image_file(self) -> str:
        """The name of the picture's file beside the record."""
        return f"{self.consent.image_sha256}.image"

    @property
    def still_file(self) -> str:
        """The name of the still's file beside the record, a JPEG."""
        return f"{self.consent.image_sha256}.still.jpg"


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


class AvatarStore:
    """The avatars below ``folder``, which need not exist. Several processes may use it at once.

    Every method reads or writes files: not for the event loop. Each may raise AvatarStoreError.
    """

    def __init__(self, folder: Path, config: AvatarConfig) -> None:
        self.folder = folder
        self._config = config

    def all(self) -> tuple[list[Record], list[DamagedAvatarError]]:
        """Every avatar by name, and what is damaged."""

        def read() -> tuple[list[Record], list[DamagedAvatarError]]:
            records: list[Record] = []
            damaged: list[DamagedAvatarError] = []
            for name in self._names():
                try:
                    records.append(self._load(name))
                except DamagedAvatarError as error:
                    damaged.append(error)
            return records, damaged

        return self._locked(read) if self.folder.is_dir() else ([], [])

    def get(self, name: str) -> Record:
        """The avatar; raises UnknownAvatarError, DamagedAvatarError."""
        return self._of(name, lambda: self._load(name))

    def image(self, name: str) -> tuple[Record, bytes]:
        """The avatar and its picture; raises UnknownAvatarError, DamagedAvatarError."""

        def read() -> tuple[Record, bytes]:
            record = self._load(name)
            image = (self.folder / name / record.image_file).read_bytes()
            if hashlib.sha256(image).hexdigest() != record.consent.image_sha256:
                raise self._damaged(name, f"{record.image_file} is another picture")
            return record, image

        return self._of(name, read)

    def still(self, name: str) -> bytes:
        """The prepared still, a JPEG; raises UnknownAvatarError, DamagedAvatarError."""
        return self._of(
            name, lambda: (self.folder / name / self._load(name).still_file).read_bytes()
        )

    def put(self, record: Record, image: bytes, still_jpeg: bytes, *, replace: bool) -> bool:
        """Keep an avatar; returns whether it is new. ``replace``: one of its name may be there.

        Raises NameTakenError, NoRoomError.
        """

        def write() -> bool:
            self._check_room(record.name, len(image) + len(still_jpeg), replace=replace)
            home = self.folder / record.name
            is_new = not home.exists()
            user_data.make_folder(home)
            user_data.write_whole(home / record.image_file, image)
            user_data.write_whole(home / record.still_file, still_jpeg)
            self._write_record(record)
            for path in home.iterdir():
                if path.name not in (_RECORD_FILE, record.image_file, record.still_file):
                    path.unlink()
            return is_new

        try:
            user_data.make_folder(self.folder)
        except OSError as error:
            raise self._inaccessible(error) from error
        return self._locked(write)

    def change(self, name: str, change: Callable[[Record], Record]) -> Record:
        """Replace the record by ``change`` of it; raises UnknownAvatarError, DamagedAvatarError."""

        def write() -> Record:
            record = change(self._load(name))
            self._write_record(record)
            return record

        return self._of(name, write)

    def has(self, name: str) -> bool:
        """Whether there is one of this name, damaged or not."""
        try:
            return self._of(name, lambda: True)
        except UnknownAvatarError:
            return False

    def remove(self, name: str) -> None:
        """Delete an avatar, a damaged one too; raises UnknownAvatarError."""

        def delete() -> None:
            home = self.folder / name
            (home / _RECORD_FILE).unlink(missing_ok=True)
            shutil.rmtree(home)

        self._of(name, delete)

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def _check_room(self, name: str, new_bytes: int, *, replace: bool) -> None:
        names = self._names()
        if name in names and not replace:
            raise NameTakenError(f"there is an avatar {name!r} already")
        others = [other for other in names if other != name]
        for other in others:
            if other.lower() == name.lower():
                raise NameTakenError(f"there is an avatar {other!r}, which differs only in case")
        if len(others) >= self._config.max_avatars:
            raise NoRoomError(
                f"found {len(others)} avatars, expected at most {self._config.max_avatars}: delete"
                " one, or raise avatars.max_avatars"
            )
        kept_bytes = sum(
            path.stat().st_size for other in others for path in (self.folder / other).iterdir()
        )
        if kept_bytes + new_bytes > self._config.max_total_bytes:
            raise NoRoomError(
                f"found {kept_bytes} bytes of avatars and {new_bytes} of this one, expected at most"
                f" {self._config.max_total_bytes} together: send a smaller picture, delete an"
                " avatar, or raise avatars.max_total_bytes"
            )

    def _load(self, name: str) -> Record:
        home = self.folder / name
        try:
            record = _RECORD.validate_json((home / _RECORD_FILE).read_bytes())
        except FileNotFoundError as error:
            raise self._damaged(name, f"{_RECORD_FILE} is not there") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or _RECORD_FILE
            raise self._damaged(name, f"{where}: {first['msg']}") from error
        if record.name != name:
            raise self._damaged(name, f"it is the avatar {record.name!r}")
        for file in (record.image_file, record.still_file):
            if not (home / file).is_file():
                raise self._damaged(name, f"{file} is not there")
        return record

    def _write_record(self, record: Record) -> None:
        path = self.folder / record.name / _RECORD_FILE
        user_data.write_whole(path, _RECORD.dump_json(record, indent=1) + b"\n")

    def _of(self, name: str, work: Callable[[], T]) -> T:
        def if_known() -> T:
            # As it is written there: some file systems find "Ann" for "ann"; and no way out of it.
            if name not in self._names():
                raise UnknownAvatarError(name)
            return work()

        if not self.folder.is_dir():
            raise UnknownAvatarError(name)
        return self._locked(if_known)

    def _locked(self, work: Callable[[], T]) -> T:
        try:
            with user_data.locked(self.folder):
                return work()
        except OSError as error:
            raise self._inaccessible(error) from error

    def _damaged(self, name: str, what: str) -> DamagedAvatarError:
        return DamagedAvatarError(
            f"{self.folder / name} is damaged ({what}): restore a copy, or delete the avatar and"
            " make it again"
        )

    def _inaccessible(self, error: OSError) -> AvatarStoreError:
        return AvatarStoreError(
            f"cannot keep avatars in {self.folder}: {error.filename}: {error.strerror}: allow it,"
            " or set XDG_DATA_HOME to another folder"
        )
