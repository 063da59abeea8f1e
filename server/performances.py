"""The avatars that are live now, by name."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from weakref import WeakValueDictionary

from server import logs
from server.admission import Admission
from server.performance import Performance
from server.problems import Problem
from server.services import Services

logger = logging.getLogger(__name__)

_RETRY_AFTER_S = 2
_LINGER_CHECK_S = 1.0


@dataclass(eq=False)
class _Live:
    """A performance that runs.

    ``requests``: how many have asked for it and were not refused, yet. ``is_ending``: it takes
    nobody any more.
    """

    performance: Performance
    task: asyncio.Task[None]
    requests: int = 0
    is_ending: bool = False


class Performances:
    """Owns the tasks of the performances; ``aclose`` ends them all.

    Each takes a place of ``admission``, as a call does. ``clock`` gives monotonic seconds.
    ``on_begin`` are called with each performance that begins.
    """

    def __init__(
        self,
        services: Services,
        admission: Admission,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.on_begin: set[Callable[[Performance], object]] = set()
        self._services = services
        self._admission = admission
        self._clock = clock
        self._live: dict[str, _Live] = {}
        # Each is there while somebody holds it or waits for it: names are what clients make up.
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def open(self, name: str, owner: str | None = None) -> Performance:
        """The performance of the avatar ``name``, begun now for ``owner`` if it is not live yet.

        ``owner``: the id of the key that asks; None: this machine without one, or the server.
        Raises Problem: 404 unknown avatar, 503 when no place is free.
        """
        live = await self._open(name, owner)
        live.requests += 1
        return live.performance

    @contextlib.asynccontextmanager
    async def opened(self, name: str, owner: str | None) -> AsyncIterator[Performance]:
        """``open`` for what may still be refused.

        When the block raises, the performance ends if nobody else has asked for it and nobody uses
        it: it would hold its place for ``linger_s``.
        """
        live = await self._open(name, owner)
        live.requests += 1
        try:
            yield live.performance
        except BaseException:
            live.requests -= 1
            if not (live.requests or live.performance.is_used):
                await self._end(live)
            raise

    async def get(self, name: str) -> Performance:
        """The performance of ``name``.

        Raises Problem: 404 unknown avatar, 409 with Retry-After when it is not live.
        """
        if name in self._live:
            return self._live[name].performance
        # Many ask this every few seconds: nothing is computed for them.
        await self._services.avatars.check_known(name)
        raise Problem(
            HTTPStatus.CONFLICT,
            "not-live",
            f"the avatar {name!r} is not live: come back when somebody speaks through it",
            {"Retry-After": str(_RETRY_AFTER_S)},
        )

    async def close(self, name: str) -> None:
        """End the performance of ``name`` and wait until it has; raises Problem as ``get``."""
        performance = await self.get(name)
        await self._end(self._live[performance.name])

    async def ended(self, name: str) -> None:
        """Wait until the performance of ``name`` has ended, at once if it is not live."""
        if name in self._live:
            await asyncio.wait([self._live[name].task])

    async def aclose(self) -> None:
        """End all of them."""
        tasks = [live.task for live in self._live.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _open(self, name: str, owner: str | None) -> _Live:
        lock = self._opening.setdefault(name, asyncio.Lock())
        async with lock:
            while name in self._live and self._live[name].is_ending:
                await self.ended(name)
            if name not in self._live:
                await self._begin(name, owner)
            return self._live[name]

    async def _end(self, live: _Live) -> None:
        live.is_ending = True
        live.task.cancel()
        await asyncio.wait([live.task])

    async def _begin(self, name: str, owner: str | None) -> None:
        avatar = await self._services.avatars.get(name)
        self._admission.enter()
        self._services.metrics.sessions.set(self._admission.sessions)
        performance = Performance(avatar, self._services, self._clock, owner)
        task = asyncio.create_task(self._perform(performance), name=f"performance {name}")
        self._live[name] = _Live(performance, task)
        task.add_done_callback(lambda _: self._forget(name))
        for listener in tuple(self.on_begin):
            listener(performance)

    async def _perform(self, performance: Performance) -> None:
        logs.bind_session(performance.name)
        logger.info("performance begins")
        running = asyncio.create_task(performance.run())
        try:
            while not running.done() and not self._is_over(performance):
                await asyncio.wait([running], timeout=_LINGER_CHECK_S)
        finally:
            self._live[performance.name].is_ending = True
            running.cancel()
            await asyncio.wait([running])
            logger.info("performance ends")
        if not running.cancelled() and (error := running.exception()) is not None:
            raise error

    def _is_over(self, performance: Performance) -> bool:
        unused_s = self._clock() - performance.last_used_s
        return unused_s > self._services.config.performance.linger_s

    def _forget(self, name: str) -> None:
        live = self._live.pop(name)
        self._admission.leave()
        self._services.metrics.sessions.set(self._admission.sessions)
        if not live.task.cancelled() and (error := live.task.exception()) is not None:
            logger.error("a performance failed", exc_info=error)
        # Here, since a task that is cancelled before its first step does nothing at all.
        live.performance.close()
