"""The folder of recordings: begun, signed, listed, and deleted, within its bounds."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from server import mp4_boxes, recordings_room, signing_job, user_data
from server.config import Config
from server.media_file import SUFFIXES
from server.metrics import Metrics
from server.outgoing_config import RecordingConfig
from server.problems import Problem
from server.recorder import Recorder
from server.recording_file import RecordingFile
from server.recordings_room import ID, Room, is_media, media_in
from server.recordings_signer import RecordingsSigner
from server.sdp import VideoCodec
from server.signing_job import SIGNABLE

logger = logging.getLogger(__name__)

# A server of before the lock (`signing_job.locked`) may still record here: a file that grows does
# so each second or two, and would be cut off.
_SETTLED_S = 60.0


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class About:
    """What is kept beside a recording. ``owner``: the id of the key that asked for it, if any."""

    of: Literal["call", "performance"]
    portrait: str
    began: AwareDatetime
    owner: str | None = None


@dataclass(frozen=True)
class Entry:
    """A recording as it is now.

    ``has_credentials``: content credentials are in it. ``is_signing``: they are about to be.
    """

    id: str
    about: About
    path: Path
    bytes: int
    is_running: bool
    is_signing: bool
    has_credentials: bool


_ABOUT: TypeAdapter[About] = TypeAdapter(About)


class RecordingsFolderError(Exception):
    """The configured folder cannot be used; says why and what to do."""


class Recordings:
    """Owns the recorders, and what signs their files; ``aclose`` ends them all.

    Made files are for their owner only.
    """

    def __init__(
        self,
        config: Config,
        metrics: Metrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.records_everything = config.recording.everything
        self._config: RecordingConfig = config.recording
        self._signs = config.trust.credentials
        self._size_px = config.video.size_px
        self._metrics = metrics
        self._clock = clock
        self._running: dict[str, Recorder] = {}
        self._room = Room(config.recording.max_bytes)
        self._signer = RecordingsSigner(config.trust, metrics, self._room.put_in_place)

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

        def make_folder() -> Path:
            folder = self._make_folder()
            if is_first:
                self._room.count(folder)
            return folder

        file = RecordingFile(
            make_folder, f"{recording_id}{SUFFIXES[codec]}", _ABOUT.dump_json(about), self._room
        )
        recorder = Recorder(
            recording_id,
            codec,
            self._size_px,
            file.open,
            file.check,
            self._config.max_minutes * 60_000,
            self._config.queue_ms,
            self._metrics,
        )
        self._running[recording_id] = recorder
        self._metrics.recordings.set(len(self._running))
        recorder.on_end.add(lambda: self._end(recording_id, file))
        logger.info("recording begins", extra={"recording": recording_id, "of": of})
        return recorder

    def list(self) -> list[Entry]:
        """All recordings, the oldest first. It blocks: for a thread."""
        media = sorted(media_in(self._folder))
        return [entry for path in media if (entry := self._entry(path)) is not None]

    def get(self, recording_id: str) -> Entry:
        """One of them; raises Problem 404. It blocks: for a thread."""
        if ID.fullmatch(recording_id):
            for suffix in SUFFIXES.values():
                path = self._folder / f"{recording_id}{suffix}"
                if path.exists() and (entry := self._entry(path)) is not None:
                    return entry
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-recording", "there is no such recording")

    def delete(self, entry: Entry) -> None:
        """Delete a recording that is finished. It blocks: for a thread."""
        self._room.remove(entry.path)

    async def wait_until_signed(self, entry: Entry, timeout_s: float) -> None:
        """Wait for the signature of one that has just ended, not longer than ``timeout_s``."""
        await self._signer.wait(entry.path, timeout_s)

    async def sign_left_overs(self) -> None:
        """Sign, in time, what was left unsigned here: by a server that was killed, or could not.

        Those that were written to just now are waited for; all others begin before.
        """
        found = await asyncio.to_thread(self._find_left_overs)
        settled = await asyncio.to_thread(self._settled, found)
        for media in settled:
            self._signer.sign(media, is_left_over=True)
        if young := [media for media in found if media not in settled]:
            await asyncio.sleep(_SETTLED_S)
            # Those that still grow are found at the next start.
            for media in await asyncio.to_thread(self._settled, young):
                self._signer.sign(media, is_left_over=True)

    async def aclose(self) -> None:
        """End all recordings, wait a while until they are written, and for their signatures."""
        running = list(self._running.values())
        for recorder in running:
            recorder.stop()
        await asyncio.gather(*(recorder.wait(recorder.ended) for recorder in running))
        await self._signer.aclose()

    @property
    def _folder(self) -> Path:
        return self._config.folder or user_data.folder() / "recordings"

    def _make_folder(self) -> Path:
        if self._config.folder is None:
            user_data.make_folder(self._folder)
        return self._folder

    def _entry(self, path: Path) -> Entry | None:
        try:
            about = _ABOUT.validate_json(recordings_room.about(path).read_bytes())
            size = path.stat().st_size
        except FileNotFoundError:
            return None  # it is being deleted
        except (OSError, ValidationError) as error:
            logger.warning(
                "a recording's description cannot be read: %s", error, extra={"file": path.stem}
            )
            return None
        # Before it is looked into, which some file systems (CIFS) refuse while it is locked.
        is_running, is_signing = path.stem in self._running, self._signer.is_waiting(path)
        return Entry(
            path.stem,
            about,
            path,
            size,
            is_running=is_running,
            is_signing=is_signing,
            has_credentials=not (is_running or is_signing) and _has_credentials(path),
        )

    def _find_left_overs(self) -> Sequence[Path]:
        """Return what is not signed, and remove what was begun of that; it blocks."""
        try:
            folder = self._folder
            parts = list(folder.glob(f".*{signing_job.PART}"))
            found = sorted(media_in(folder))
        except (OSError, user_data.NoDataFolderError) as error:
            logger.warning("cannot look for recordings that are not signed: %s", error)
            return []
        for part in parts:
            media = folder / part.name.removeprefix(".").removesuffix(signing_job.PART)
            if is_media(media):
                _remove_part(part, media)
        if not self._signs:
            return []
        return [
            media
            for media in found
            if media.suffix == SIGNABLE
            and media.stem not in self._running
            and self._is(media, lambda path: not mp4_boxes.has_credentials(path))
        ]

    def _settled(self, found: Sequence[Path]) -> Sequence[Path]:
        """Return those of ``found`` that nobody has written to lately; it blocks."""
        written_before = self._clock().timestamp() - _SETTLED_S
        return [
            media
            for media in found
            if self._is(media, lambda path: path.stat().st_mtime <= written_before)
        ]

    def _is(self, media: Path, what: Callable[[Path], bool]) -> bool:
        """Whether ``media`` is ``what``; one that cannot be looked at hides no other."""
        try:
            return what(media)
        except FileNotFoundError:
            return False  # it is being deleted
        except OSError as error:
            self._metrics.recordings_unsigned.labels("failed").inc()
            logger.warning("a recording is not signed: %s", error, extra={"recording": media.stem})
            return False

    def _end(self, recording_id: str, file: RecordingFile) -> None:
        del self._running[recording_id]
        self._metrics.recordings.set(len(self._running))
        if file.path is not None:
            self._signer.sign(file.path)


def _has_credentials(path: Path) -> bool:
    try:
        return path.suffix == SIGNABLE and mp4_boxes.has_credentials(path)
    except OSError as error:
        logger.warning("a recording cannot be read: %s", error, extra={"recording": path.stem})
        return False


def _remove_part(part: Path, media: Path) -> None:
    """Remove what was begun to be made of ``media``, unless somebody is at it."""
    try:
        if not signing_job.is_locked(media):
            part.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("what was begun of a signed recording cannot be removed: %s", error)


def check_folder(config: RecordingConfig) -> None:
    """Raise RecordingsFolderError unless the configured folder, if any, can be written to."""
    folder = config.folder
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise RecordingsFolderError(
            f"recordings cannot go to {folder}: expected a folder that can be written to; make it,"
            " or name another with --record or recording.folder"
        )
