"""Signs recordings that have ended, one after the other: content credentials (C2PA)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from server.config import TrustConfig
from server.metrics import Metrics
from server.signing_job import SIGNABLE, SigningError, SigningJob

logger = logging.getLogger(__name__)

# Of a server that ends; what is not signed then is at its next start.
_CLOSE_S = 5.0


class RecordingsSigner:
    """For the event loop. Owns its task and process; ``aclose`` ends them.

    ``put_in_place``: see `SigningJob`; a thread calls it.
    """

    def __init__(
        self, trust: TrustConfig, metrics: Metrics, put_in_place: Callable[[Path, Path], None]
    ) -> None:
        self._trust = trust
        self._metrics = metrics
        self._put_in_place = put_in_place
        # Each until it is signed, or cannot be; those that have ended just now come first.
        self._waiting: dict[Path, asyncio.Event] = {}
        self._left_over: dict[Path, asyncio.Event] = {}
        self._current: tuple[Path, SigningJob] | None = None
        self._task: asyncio.Task[None] | None = None

    def sign(self, media: Path, *, is_left_over: bool = False) -> None:
        """Sign it, when it is its turn, unless nothing is to be signed.

        A WebM file is only counted: C2PA has no place for credentials in it.
        """
        if not self._trust.credentials:
            return
        if media.suffix != SIGNABLE:
            self._metrics.recordings_unsigned.labels("webm").inc()
            return
        queue = self._left_over if is_left_over else self._waiting
        queue[media] = asyncio.Event()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._sign_all(), name="sign recordings")

    def is_waiting(self, media: Path) -> bool:
        """Whether it is still to be signed."""
        return media in self._waiting or media in self._left_over

    async def wait(self, media: Path, timeout_s: float) -> None:
        """Wait until it is signed, or cannot be, not longer than ``timeout_s``.

        Not for what is left over: nobody knows when it is its turn.
        """
        if (event := self._waiting.get(media)) is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await event.wait()

    async def aclose(self) -> None:
        """Sign those that have ended, for a short while: it is all theirs."""
        if self._current is not None:
            media, job = self._current
            if media in self._left_over:
                job.kill()
        self._left_over.clear()
        if self._task is None:
            return
        task = self._task
        await asyncio.wait([task], timeout=_CLOSE_S)
        if self._waiting:
            logger.warning(
                "recordings are not signed yet: the next start does it",
                extra={"recordings": len(self._waiting)},
            )
        task.cancel()
        await asyncio.wait([task])

    async def _sign_all(self) -> None:
        while queue := self._waiting or self._left_over:
            media = next(iter(queue))
            try:
                await self._sign(media)
            finally:
                if (event := queue.pop(media, None)) is not None:
                    event.set()

    async def _sign(self, media: Path) -> None:
        job = SigningJob(media, self._trust, self._put_in_place)
        self._current = media, job
        running = asyncio.get_running_loop().run_in_executor(None, job.run)
        try:
            if await asyncio.shield(running):
                logger.info("recording signed", extra={"recording": media.stem})
        except (OSError, SigningError) as error:
            if job.is_killed:
                return  # the next start signs it
            self._metrics.recordings_unsigned.labels("failed").inc()
            logger.warning("a recording is not signed: %s", error, extra={"recording": media.stem})
        except Exception:
            # The others are signed all the same.
            self._metrics.recordings_unsigned.labels("failed").inc()
            logger.exception("signing a recording failed", extra={"recording": media.stem})
        except asyncio.CancelledError:
            job.kill()
            with contextlib.suppress(OSError, SigningError):
                await running
            raise
        finally:
            self._current = None
