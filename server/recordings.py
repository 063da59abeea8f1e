"""The folder of recordings: begun, listed, and deleted, within its bounds."""

import logging
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import IO, Any, Literal

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from server import user_data
from server.config import Config
from server.media_file import SUFFIXES
from server.metrics import Metrics
from server.outgoing_config import RecordingConfig
from server.problems import Problem
from server.recorder import Recorder
from server.sdp import VideoCodec

logger = logging.getLogger(__name__)

# When it began, and a number: of whom it is, the name does not tell.
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class About:
    """What is kept beside a recording. ``owner``: the id of the key that asked for it, if any."""

    of: Literal["call", "performance"]
    portrait: str
    began: AwareDatetime
    owner: str | None = None


@dataclass(frozen=True)
class Entry:
    """A recording as it is now."""

    id: str
    about: About
    path: Path
    bytes: int
    is_running: bool


_ABOUT: TypeAdapter[About] = TypeAdapter(About)


class RecordingsFolderError(Exception):
    """The configured folder cannot be used; says why and what to do."""


class Recordings:
    """Owns the recorders; ``aclose`` ends them all. Made files are for their owner only."""

    def __init__(
        self,
        config: Config,
        metrics: Metrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.records_everything = config.recording.everything
        self._config: RecordingConfig = config.recording
        self._size_px = config.video.size_px
        self._metrics = metrics
        self._clock = clock
        self._running: dict[str, Recorder] = {}
        self._bytes = _Bytes(config.recording.max_bytes)

    def begin(
        self,
        codec: VideoCodec,
        of: Literal["call", "performance"],
        portrait: str,
        owner: str | None,
    ) -> Recorder:
        """Begin a recording; whether it could be is known when it has ``opened`` or ``ended``."""
        now = self._clock()
        recording_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"
        about = About(of=of, portrait=portrait, began=now, owner=owner)
        is_first = not self._running

        def open_file() -> IO[bytes]:
            folder = self._make_folder()
            if is_first:
                self._bytes.used = sum(
                    path.stat().st_size for path in folder.iterdir() if _id_of(path)
                )
            self._bytes.take(0)
            user_data.write_whole(folder / f"{recording_id}.json", _ABOUT.dump_json(about))
            handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            return _CountedFile(os.fdopen(handle, "w+b"), self._bytes)  # type: ignore[return-value]

        def remove_file() -> None:
            _remove(self._folder / name)

        name = f"{recording_id}{SUFFIXES[codec]}"
        recorder = Recorder(
            recording_id,
            codec,
            self._size_px,
            open_file,
            remove_file,
            self._config.max_minutes * 60_000,
            self._config.queue_ms,
            self._metrics,
        )
        self._running[recording_id] = recorder
        self._metrics.recordings.set(len(self._running))
        recorder.on_end.add(lambda: self._forget(recording_id))
        logger.info("recording begins", extra={"recording": recording_id, "of": of})
        return recorder

    def list(self) -> list[Entry]:
        """All recordings, the oldest first. It blocks: for a thread."""
        try:
            paths = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return []
        media = [path for path in paths if _id_of(path) and path.suffix in SUFFIXES.values()]
        return [entry for path in media if (entry := self._entry(path)) is not None]

    def get(self, recording_id: str) -> Entry:
        """One of them; raises Problem 404. It blocks: for a thread."""
        if _ID.fullmatch(recording_id):
            for suffix in SUFFIXES.values():
                path = self._folder / f"{recording_id}{suffix}"
                if path.exists() and (entry := self._entry(path)) is not None:
                    return entry
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-recording", "there is no such recording")

    def delete(self, entry: Entry) -> None:
        """Delete a recording that is finished. It blocks: for a thread."""
        _remove(entry.path)
        self._bytes.give_back(entry.bytes)

    async def aclose(self) -> None:
        """End all recordings and wait until they are written."""
        running = list(self._running.values())
        for recorder in running:
            recorder.stop()
        for recorder in running:
            await recorder.ended.wait()

    @property
    def _folder(self) -> Path:
        return self._config.folder or user_data.folder() / "recordings"

    def _make_folder(self) -> Path:
        if self._config.folder is None:
            user_data.make_folder(self._folder)
        return self._folder

    def _entry(self, path: Path) -> Entry | None:
        try:
            about = _ABOUT.validate_json(path.with_suffix(".json").read_bytes())
            size = path.stat().st_size
        except FileNotFoundError:
            return None  # it is being deleted
        except ValidationError:
            logger.warning("not a recording's description", extra={"file": path.stem})
            return None
        return Entry(path.stem, about, path, size, path.stem in self._running)

    def _forget(self, recording_id: str) -> None:
        self._running.pop(recording_id, None)
        self._metrics.recordings.set(len(self._running))


def check_folder(config: RecordingConfig) -> None:
    """Raise RecordingsFolderError unless the configured folder, if any, can be written to."""
    folder = config.folder
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise RecordingsFolderError(
            f"recordings cannot go to {folder}: expected a folder that can be written to; make it,"
            " or name another with --record or recording.folder"
        )


def _id_of(path: Path) -> str | None:
    return path.stem if _ID.fullmatch(path.stem) else None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)


@dataclass
class _Bytes:
    """What all recordings together may take; used by their threads."""

    limit: int
    used: int = 0
    lock: Lock = field(default_factory=Lock)

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

    def give_back(self, count: int) -> None:
        with self.lock:
            self.used = max(0, self.used - count)


class _CountedFile:
    """A file that counts what is written, and hands it to the system at once."""

    def __init__(self, file: IO[bytes], counter: _Bytes) -> None:
        self._file = file
        self._counter = counter
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.fileno, self.close = file.fileno, file.close

    def __enter__(self) -> "_CountedFile":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._counter.take(len(data))
        count = self._file.write(data)
        self._file.flush()
        return count
