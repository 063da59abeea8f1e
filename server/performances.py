"""The avatars that are live now, by name."""

import asyncio
import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from server import logs
from server.admission import Admission
from server.performance import Performance
from server.problems import Problem
from server.services import Services

logger = logging.getLogger(__name__)

_RETRY_AFTER_S = 2
_LINGER_CHECK_S = 1.0


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
        self._live: dict[str, tuple[Performance, asyncio.Task[None]]] = {}
        self._opening: dict[str, asyncio.Lock] = {}

    @property
    def names(self) -> list[str]:
        """Which avatars are live."""
        return sorted(self._live)

    async def open(self, name: str) -> Performance:
        """The performance of the avatar ``name``, begun now if it is not live yet.

        Raises Problem: 404 unknown avatar, 503 when no place is free.
        """
        lock = self._opening.setdefault(name, asyncio.Lock())
        async with lock:
            if name not in self._live:
                await self._begin(name)
            return self._live[name][0]

    async def get(self, name: str) -> Performance:
        """The performance of ``name``.

        Raises Problem: 404 unknown avatar, 409 with Retry-After when it is not live.
        """
        if name in self._live:
            return self._live[name][0]
        await self._services.avatars.get(name)
        raise Problem(
            HTTPStatus.CONFLICT,
            "not-live",
            f"the avatar {name!r} is not live: come back when somebody speaks through it",
            {"Retry-After": str(_RETRY_AFTER_S)},
        )

    async def close(self, name: str) -> None:
        """End the performance of ``name`` and wait until it has; raises Problem as ``get``."""
        performance = await self.get(name)
        self._live[performance.name][1].cancel()
        await self.ended(name)

    async def ended(self, name: str) -> None:
        """Wait until the performance of ``name`` has ended, at once if it is not live."""
        if name in self._live:
            await asyncio.wait([self._live[name][1]])

    async def aclose(self) -> None:
        """End all of them."""
        tasks = [task for _, task in self._live.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _begin(self, name: str) -> None:
        avatar = await self._services.avatars.get(name)
        self._admission.enter()
        self._services.metrics.sessions.set(self._admission.sessions)
        performance = Performance(avatar, self._services, self._clock)
        task = asyncio.create_task(self._perform(performance), name=f"performance {name}")
        self._live[name] = performance, task
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
            running.cancel()
            await asyncio.wait([running])
            performance.close()
            logger.info("performance ends")
        if not running.cancelled() and (error := running.exception()) is not None:
            raise error

    def _is_over(self, performance: Performance) -> bool:
        unused_s = self._clock() - performance.last_used_s
        return unused_s > self._services.config.performance.linger_s

    def _forget(self, name: str) -> None:
        _, task = self._live.pop(name)
        self._opening.pop(name, None)
        self._admission.leave()
        self._services.metrics.sessions.set(self._admission.sessions)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a performance failed", exc_info=task.exception())
