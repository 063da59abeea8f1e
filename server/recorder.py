"""One recording while it is made: packets from the event loop, a thread that writes them."""

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from threading import Condition, Thread
from typing import IO

import av

from server.media_file import MediaFile, is_keyframe
from server.metrics import Metrics
from server.problems import Problem
from server.sdp import VideoCodec
from streaming.rates import VIDEO_CLOCK_RATE, VOICE_RATE

logger = logging.getLogger(__name__)

_SYNC_PERIOD_S = 1.0
# A disk may take so long for what is left to write; then nobody waits for it any more.
_WAIT_S = 10.0
# The code of the problem that ends a recording of ``max_ms``: nothing is wrong with it.
TOO_LONG = "recording-too-long"


@dataclass(frozen=True)
class Packet:
    """A picture, pts in 1/90000 s, or 20 ms of voice, pts in 1/48000 s."""

    data: bytes
    pts: int
    is_picture: bool

    @property
    def time_ms(self) -> float:
        """When it is due, since the session began."""
        return self.pts * 1000 / (VIDEO_CLOCK_RATE if self.is_picture else VOICE_RATE)


class PacketQueue:
    """Between the event loop, which never waits, and the thread, which may.

    It holds ``queue_ms``. What does not fit is dropped and counted, and so is all after it up to
    the next key frame that fits: pictures are predicted from those before them.
    """

    def __init__(self, codec: VideoCodec, queue_ms: float) -> None:
        self.dropped_packets = 0
        self._codec = codec
        self._queue_ms = queue_ms
        self._packets: deque[Packet] = deque()
        self._changed = Condition()
        self._dropping = False
        self._closed = False

    def put(self, packet: Packet) -> bool:
        """Add ``packet``; False if it was dropped."""
        with self._changed:
            if self._closed:
                return True
            has_room = (
                not self._packets or packet.time_ms - self._packets[0].time_ms <= self._queue_ms
            )
            resumes = packet.is_picture and is_keyframe(self._codec, packet.data)
            self._dropping = not has_room or (self._dropping and not resumes)
            if self._dropping:
                self.dropped_packets += 1
                return False
            self._packets.append(packet)
            self._changed.notify()
            return True

    def take(self) -> Packet | None:
        """Wait for the next packet; None when it is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._packets or self._closed)
            return self._packets.popleft() if self._packets else None

    def close(self) -> None:
        """Take no more; what is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()


@dataclass(frozen=True)
class Sink:
    """Takes packets of one kind, as a track does. It never refuses: a recorder counts its drops."""

    take: Callable[[bytes, int], None]

    def put(self, data: bytes, pts: int) -> bool:
        """Take ``data``, stamped ``pts``; always True."""
        self.take(data, pts)
        return True

    @property
    def queued_packets(self) -> int:
        """None: they are taken at once."""
        return 0


class Recorder:
    """Begins at once. Create it on the event loop, which calls ``on_end`` when all is written.

    ``problem`` is why it ended if nobody stopped it; the file plays up to there all the same.
    The thread calls ``open_file``, and at last ``check_file`` if there may be no picture in it.
    """

    def __init__(
        self,
        recording_id: str,
        codec: VideoCodec,
        size_px: int,
        open_file: Callable[[], IO[bytes]],
        check_file: Callable[[], None],
        max_ms: float,
        queue_ms: float,
        metrics: Metrics,
    ) -> None:
        self.id = recording_id
        self.codec = codec
        self.problem: Problem | None = None
        self.picture = Sink(lambda data, pts: self._put(Packet(data, pts, True)))
        self.voice = Sink(lambda data, pts: self._put(Packet(data, pts, False)))
        self.on_end: set[Callable[[], None]] = set()
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()
        self._size_px = size_px
        self._open_file = open_file
        self._check_file = check_file
        self._max_ms = max_ms
        self._metrics = metrics
        self._queue = PacketQueue(codec, queue_ms)
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name=f"recorder {recording_id}", daemon=True)
        self._thread.start()

    @property
    def dropped_packets(self) -> int:
        """How many packets the disk was too slow for."""
        return self._queue.dropped_packets

    def stop(self) -> None:
        """Write what is there, then end."""
        self._queue.close()

    async def wait(self, event: asyncio.Event) -> bool:
        """Wait until it is ``opened`` or ``ended``; False, and counted, when its disk hangs."""
        try:
            async with asyncio.timeout(_WAIT_S):
                await event.wait()
        except TimeoutError:
            self._metrics.recordings_stuck.inc()
            logger.warning(
                "a recording is not waited for any longer: its disk stands still",
                extra={"recording": self.id, "waited_s": _WAIT_S},
            )
            return False
        return True

    def _put(self, packet: Packet) -> None:
        if not self._queue.put(packet):
            self._metrics.unrecorded_packets.inc()

    def _run(self) -> None:
        problem: Problem | None = None
        try:
            self._record()
        except Problem as found:
            problem = found
        except (OSError, av.FFmpegError) as error:
            problem = _describe(error)
        except Exception as error:
            logger.exception("a recording failed", extra={"recording": self.id})
            problem = _failed(f"{type(error).__name__}: {error}")
        self._queue.close()
        self._tell(self._end, problem)

    def _tell(self, call: Callable[..., None], *values: object) -> None:
        # The loop is closed when nobody has waited for this disk.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *values)

    def _record(self) -> None:
        is_whole = False
        try:
            with self._open_file() as file:
                self._tell(self.opened.set)
                media = MediaFile(file, self.codec, self._size_px)
                try:
                    self._write_all(media, file)
                except BaseException:
                    # What failed is told by the first error; the end is written if it can be.
                    with contextlib.suppress(OSError, av.FFmpegError, Problem):
                        media.close()
                    raise
                media.close()
            is_whole = media.has_begun
        finally:
            if not is_whole:
                self._check_file()

    def _write_all(self, media: MediaFile, file: IO[bytes]) -> None:
        synced_s = time.monotonic()
        while (packet := self._queue.take()) is not None:
            write = media.write_picture if packet.is_picture else media.write_voice
            write(packet.data, packet.pts)
            if time.monotonic() - synced_s > _SYNC_PERIOD_S:
                os.fsync(file.fileno())
                synced_s = time.monotonic()
            if media.duration_ms >= self._max_ms:
                raise Problem(
                    HTTPStatus.INSUFFICIENT_STORAGE,
                    TOO_LONG,
                    f"the recording has its {self._max_ms / 60_000:g} minutes and is complete up"
                    " to here: begin another, or raise recording.max_minutes",
                )

    def _end(self, problem: Problem | None) -> None:
        self.problem = problem
        self.opened.set()
        self.ended.set()
        extra = {"recording": self.id, "dropped_packets": self.dropped_packets}
        if problem is None:
            logger.info("recording ended", extra=extra)
        else:
            self._metrics.recordings_failed.inc()
            logger.warning("recording ended: %s", problem.detail, extra=extra)
        for listener in tuple(self.on_end):
            listener()


def stands_still() -> Problem:
    """What is told when a recording cannot even be begun in time."""
    return _failed("the disk does not answer")


def _describe(error: OSError | av.FFmpegError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "disk-full",
            "the disk with the recordings is full, what was recorded until now plays: delete some",
        )
    return _failed(error.strerror or str(error))


def _failed(reason: str) -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "recording-failed",
        f"cannot write the recording ({reason}): see that the folder of the recordings is there"
        " and can be written to",
    )
