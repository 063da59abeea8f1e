"""One recording that is signed, in place, by a process of its own."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from server import mp4_boxes
from server.config import TrustConfig

SIGNABLE = ".mp4"
# What is made beside a recording until it takes its place.
PART = ".signing"


class SigningError(Exception):
    """A recording cannot be signed; says why. It is there as it was."""


class SigningJob:
    """``run`` it in a thread; ``kill`` it from another.

    ``put_in_place`` (made, media) lets what was made take the recording's place. ``is_killed``:
    somebody did not want to wait for it.
    """

    def __init__(
        self, media: Path, trust: TrustConfig, put_in_place: Callable[[Path, Path], None]
    ) -> None:
        self._media = media
        self._trust = trust
        self._put_in_place = put_in_place
        self._process: subprocess.Popen[str] | None = None
        self.is_killed = False
        self._lock = Lock()

    def run(self) -> bool:
        """Sign it; False: there was nothing to sign. Raises OSError, SigningError.

        Nothing: it is gone, it is signed already, no fragment of it is whole, or another process
        records or signs it.
        """
        try:
            with locked(self._media) as handle:
                return handle is not None and self._sign(handle)
        except (OSError, SigningError):
            if self._media.exists():
                raise
            return False

    def kill(self) -> None:
        """End it now, if it is not over: ``run`` raises SigningError, or has returned."""
        with self._lock:
            self.is_killed = True
            if self._process is not None:
                self._process.kill()

    def _sign(self, handle: int) -> bool:
        if mp4_boxes.has_credentials(self._media):
            return False
        whole = mp4_boxes.whole_bytes(self._media)
        if not whole:
            return False
        if whole < self._media.stat().st_size:
            # Half a fragment of a recorder that was killed, or a table that would become wrong.
            os.truncate(self._media, whole)
        made = part_of(self._media)
        try:
            # As private as what it takes the place of.
            os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            self._run_process(made, handle)
            self._put_in_place(made, self._media)
        finally:
            made.unlink(missing_ok=True)
        return True

    def _run_process(self, made: Path, handle: int) -> None:
        trust = self._trust
        given = (
            () if trust.certificate is None or trust.key is None else (trust.certificate, trust.key)
        )
        with self._lock:
            if self.is_killed:
                raise SigningError("the server stops")
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "server.sign_recording", self._media, made, *given],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                # It holds the lock as well: it may outlive a server that is killed, for a moment.
                pass_fds=(handle,),
                # Not the terminal's: Ctrl-C is for the server, which waits for it.
                process_group=0,
            )
        with self._process as process:
            assert process.stderr is not None
            said = process.stderr.read()
            process.wait()
        if process.returncode:
            lines = said.strip().splitlines() or [f"its process ended with {process.returncode}"]
            raise SigningError(lines[-1])


def part_of(media: Path) -> Path:
    """Where the signed copy of ``media`` is made."""
    return media.with_name(f".{media.name}{PART}")


def is_locked(media: Path) -> bool:
    """Whether a recording is being written, or signed, by whomever; not if it is gone."""
    try:
        with locked(media) as handle:
            return handle is None
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def locked(media: Path) -> Iterator[int | None]:
    """Hold the lock of a recording's file; None: another has it. Raises OSError.

    Recorders hold it while they write: servers may share a folder.
    """
    with media.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file.fileno()
