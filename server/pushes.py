"""The avatars that are sent on to WHIP servers: at most one server for each."""

import asyncio
import logging
from http import HTTPStatus

import httpx

from server.outgoing_config import PublishConfig
from server.performances import Performances
from server.problems import Problem
from server.push import Push, PushState
from server.services import Services

logger = logging.getLogger(__name__)


class Pushes:
    """Owns their tasks; ``aclose`` ends them all. ``http`` is for tests."""

    def __init__(
        self,
        services: Services,
        performances: Performances,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._services = services
        self._performances = performances
        # No proxy, cookies or passwords of the environment: what is configured here, and no more.
        self._http = http or httpx.AsyncClient(trust_env=False)
        self._running: dict[str, tuple[Push, asyncio.Task[None]]] = {}
        services.metrics.pushes_connected.set_function(self._count_connected)

    async def begin(self, avatar: str, target: PublishConfig) -> Push:
        """Send ``avatar`` to ``target`` from now on; what it was sent to before, it is no more.

        Raises Problem 404 for an unknown avatar.
        """
        await self._services.avatars.get(avatar)
        # While one ends, another may be begun.
        while avatar in self._running:
            await self.end(avatar)
        push = Push(avatar, target, self._services, self._performances, self._http)
        task = asyncio.create_task(push.run(), name=f"push {avatar}")
        task.add_done_callback(lambda done: _note_failure(push, done))
        self._running[avatar] = push, task
        return push

    def get(self, avatar: str) -> Push:
        """The push of ``avatar``; raises Problem 404 when there is none."""
        if avatar not in self._running:
            raise Problem(
                HTTPStatus.NOT_FOUND, "not-published", f"{avatar!r} is not sent on: PUT begins it"
            )
        return self._running[avatar][0]

    async def end(self, avatar: str) -> None:
        """Send it there no more, and tell the server so; raises Problem 404."""
        self.get(avatar)
        _, task = self._running.pop(avatar)
        task.cancel()
        await asyncio.wait([task])

    async def aclose(self) -> None:
        """End all of them."""
        tasks = [task for _, task in self._running.values()]
        self._running.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._http.aclose()

    def _count_connected(self) -> float:
        pushes = [push for push, _ in self._running.values()]
        return float(sum(push.state is PushState.CONNECTED for push in pushes))


def _note_failure(push: Push, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        push.fail(error)
        logger.error("a push failed", exc_info=task.exception())
