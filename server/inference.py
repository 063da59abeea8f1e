"""The one thread on which the model runs, for all sessions together.

It takes the hops that wait, the most urgent first, animates them as one batch, then draws and
codes hop by hop. Each picture is handed over as soon as it is coded. Nothing of this ever runs on
the event loop; the model has a process of its own, and codecs release the GIL while they work.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import av
import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter
from torch import Tensor

from model.avatar import HopRequest
from model.identity.identity import Identity
from model.rates import SAMPLES_PER_FRAME
from server.animator import Animator
from server.outlet import F, PictureCoder

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


class InferenceError(Exception):
    """A hop could not be computed; the cause is attached."""


class InferenceStopped(InferenceError):
    """The inference thread does not run any more."""


@dataclass(frozen=True)
class HopJob(Generic[F]):
    """One hop of one session.

    ``rows`` of the motion are drawn, with the mouth ``painted`` or only warped, and coded as
    ``frames``, and each is given to ``on_frame`` on the event loop. The mouth follows its motion by
    ``mouth_gain`` of the frame, asked as late as when the hop is drawn; ``deadline_s`` is the
    monotonic time at which the first of them is due.
    """

    request: HopRequest
    identity: Identity
    rows: tuple[int, ...]
    frames: tuple[int, ...]
    painted: bool
    coder: PictureCoder[F]
    deadline_s: float
    mouth_gain: Callable[[int], float]
    on_frame: Callable[[F], None]


@dataclass(frozen=True)
class HopResult:
    """What is known of a hop once its last picture is handed over: the seconds each stage took.

    ``motion_s`` is the whole batch's, in which ``batch_hops`` hops were animated.
    """

    batch_hops: int
    wait_s: float
    motion_s: float
    render_s: float
    encode_s: float


@dataclass
class _Pending:
    job: HopJob[Any]
    future: asyncio.Future[HopResult]
    since_s: float


# What model and codecs raise when a computation fails; anything else is a bug and ends the thread.
_FAILURES = (RuntimeError, ValueError, av.FFmpegError)


class InferenceThread:
    """Runs hops in batches of at most ``max_batch``; a session hands in one hop at a time.

    So what waits is bounded by the number of sessions, that is by admission. ``failed_batches``
    counts the batches that the model could not animate.
    """

    def __init__(self, avatar: Animator, max_batch: int = 8) -> None:
        self.avatar = avatar
        self.failed_batches = Counter(
            "likeness_failed_batches",
            "Batches of hops that the model could not animate: their calls ended",
            registry=None,
        )
        self._max_batch = max_batch
        self._changed = threading.Condition()
        self._waiting: list[_Pending] = []
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._running: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_alive(self) -> bool:
        """Whether hops are computed: from ``start`` until ``aclose``, or until a bug ends it."""
        return self._running is not None and not self._running.done()

    @property
    def has_died(self) -> bool:
        """Whether a bug has ended it, or the model has ended."""
        if self._running is None:
            return False
        failed = self._running.done() and self._running.exception() is not None
        return failed or not self.avatar.is_alive

    async def start(self, prepare: Callable[[], T]) -> T:
        """Begin, with ``prepare`` (warming up: torch keeps its workers per thread) on the thread.

        Returns or raises what ``prepare`` does; after an error nothing is computed.
        """
        self._loop = asyncio.get_running_loop()
        result = await self._loop.run_in_executor(self._thread, prepare)
        self._running = self._thread.submit(self._run)
        self._running.add_done_callback(_log_death)
        return result

    async def aclose(self) -> None:
        """End the thread after what it computes now; what still waits raises InferenceStopped."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.shutdown)

    def submit(self, job: HopJob[Any]) -> asyncio.Future[HopResult]:
        """Hand in ``job``; the future fails with InferenceError. Cancel it to withdraw the job.

        Raises InferenceError for a request that the model cannot take, before it can spoil the
        batch of others; InferenceStopped when there is no thread to compute it.
        """
        self._check(job.request)
        pending = _Pending(job, asyncio.get_running_loop().create_future(), time.perf_counter())
        with self._changed:
            if self._stopping or not self.is_alive:
                raise InferenceStopped("the inference thread is not running")
            self._waiting.append(pending)
            self._changed.notify()
        return pending.future

    def _check(self, request: HopRequest) -> None:
        expected = (self.avatar.hop_frames * SAMPLES_PER_FRAME,)
        if request.samples.shape != expected:
            raise InferenceError(f"found samples {request.samples.shape}, expected {expected}")
        if not np.isfinite(request.samples).all():
            raise InferenceError("found samples that are no numbers, expected -1 to 1")
        if not 1 <= request.num_steps <= self.avatar.max_steps:
            raise InferenceError(
                f"found num_steps = {request.num_steps}, expected 1 to {self.avatar.max_steps}"
            )

    def _run(self) -> None:
        batch: list[_Pending] = []
        try:
            while batch := self._next_batch():
                self._compute(batch)
        finally:
            with self._changed:
                self._stopping = True
                left, self._waiting = self._waiting, []
            for pending in [*batch, *left]:
                self._fail(pending, InferenceStopped("the inference thread has ended"))

    def _next_batch(self) -> list[_Pending]:
        """The most urgent hops that wait, or nothing when the thread is to end."""
        with self._changed:
            while True:
                if self._stopping:
                    return []
                self._waiting = [p for p in self._waiting if not p.future.cancelled()]
                if self._waiting:
                    break
                self._changed.wait()
            self._waiting.sort(key=lambda pending: pending.job.deadline_s)
            batch = self._waiting[: self._max_batch]
            del self._waiting[: self._max_batch]
            return batch

    def _compute(self, batch: list[_Pending]) -> None:
        start_s = time.perf_counter()
        try:
            motions = self.avatar.animate([pending.job.request for pending in batch])
        except _FAILURES as error:
            # All of the batch, not one by one again: some states may have advanced already, and
            # an avatar that hears a hop twice is out of step with its voice for good.
            self.failed_batches.inc()
            for pending in batch:
                self._fail(pending, _error("motion", error))
            return
        motion_s = time.perf_counter() - start_s
        for pending, motion in zip(batch, motions, strict=True):
            try:
                render_s, encode_s = self._draw(pending.job, motion)
            except _FAILURES as error:
                self._fail(pending, _error("pictures", error))
                continue
            wait_s, future = start_s - pending.since_s, pending.future
            result = HopResult(len(batch), wait_s, motion_s, render_s, encode_s)
            self._hand_back(future, future.set_result, result)

    def _draw(self, job: HopJob[Any], motion: Tensor) -> tuple[float, float]:
        """Draw, code and hand over a hop's pictures: the seconds of drawing, and of coding."""
        if not job.frames:
            return 0.0, 0.0
        assert self._loop is not None
        start_s, coding_s = time.perf_counter(), 0.0
        motion = motion[list(job.rows)]
        gains = [job.mouth_gain(frame) for frame in job.frames]
        pictures = self.avatar.render(
            job.identity, motion, job.request.state, painted=job.painted, mouth_gain=gains
        )
        for i, (index, picture) in enumerate(zip(job.frames, pictures, strict=True)):
            drawn_s = time.perf_counter()
            cut_out = partial(self._cut_out, job.identity, motion[i : i + 1], picture)
            frame = job.coder.encode(picture, cut_out, index)
            coding_s += time.perf_counter() - drawn_s
            self._loop.call_soon_threadsafe(job.on_frame, frame)
        return time.perf_counter() - start_s - coding_s, coding_s

    def _cut_out(
        self, identity: Identity, motion: Tensor, picture: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        cut: NDArray[np.uint8] = self.avatar.cut_out(identity, motion, picture[None])[0]
        return cut

    def _fail(self, pending: _Pending, error: InferenceError) -> None:
        self._hand_back(pending.future, pending.future.set_exception, error)

    def _hand_back(
        self, future: asyncio.Future[HopResult], settle: Callable[[R], None], outcome: R
    ) -> None:
        def on_loop() -> None:
            if not future.done():
                settle(outcome)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(on_loop)


def _log_death(running: Future[None]) -> None:
    if running.exception() is not None:
        logger.critical("the inference thread has died", exc_info=running.exception())


def _error(stage: str, cause: Exception) -> InferenceError:
    error = InferenceError(f"computing {stage} failed: {cause}")
    error.__cause__ = cause
    return error
