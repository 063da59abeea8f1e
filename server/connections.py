"""The connections of one kind, viewers or publishers, that run."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

from fastapi import params

from server.peer import Peer
from server.performance import Performance
from server.problems import Problem

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """It is described once, then ``run`` until it is over; ``discard`` it after an error."""

    id: str
    peer: Peer
    performance: Performance

    async def discard(self) -> None:
        """Close it undescribed."""
        ...

    def end(self) -> None:
        """Let ``run`` end."""
        ...

    async def run(self) -> None:
        """Be connected until it is over."""
        ...


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """Owns the tasks of its connections; ``aclose`` ends them all. ``noun`` names one in errors."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._running: dict[str, tuple[C, asyncio.Task[None]]] = {}

    async def open(
        self, make: Callable[[str], C], describe: Callable[[C], Awaitable[str]]
    ) -> tuple[C, str]:
        """Run what ``make`` makes of an id; returns it and its SDP, which ``describe`` asks it for.

        Raises what they raise.
        """
        connection = make(secrets.token_urlsafe(16))
        try:
            description = await describe(connection)
        except BaseException:
            await connection.discard()
            raise
        task = asyncio.create_task(connection.run(), name=f"{self._noun} {connection.id}")
        self._running[connection.id] = connection, task
        task.add_done_callback(lambda _: self._forget(connection.id))
        return connection, description

    def get(self, resource_id: str) -> C:
        """The one with this id; raises Problem 404 when it is unknown or has ended."""
        return self._get(resource_id)[0]

    def of_avatar(self) -> params.Depends:
        """Make the dependency of a route below an avatar: 404 for a connection to another one."""

        async def check(name: str, resource_id: str) -> None:
            if self.get(resource_id).performance.name != name:
                raise self._unknown()

        return params.Depends(check)

    def peer(self, resource_id: str) -> Peer:
        """The connection of ``get``."""
        return self.get(resource_id).peer

    async def hang_up(self, resource_id: str) -> None:
        """End it and wait until it has; raises Problem 404."""
        connection, task = self._get(resource_id)
        connection.end()
        await asyncio.wait([task])

    async def aclose(self) -> None:
        """End all of them."""
        running = list(self._running.values())
        for connection, _ in running:
            connection.end()
        if running:
            await asyncio.wait([task for _, task in running])

    def _get(self, resource_id: str) -> tuple[C, asyncio.Task[None]]:
        if resource_id not in self._running:
            raise self._unknown()
        return self._running[resource_id]

    def _unknown(self) -> Problem:
        return Problem(
            HTTPStatus.NOT_FOUND,
            f"unknown-{self._noun}",
            f"there is no such {self._noun}: it may have ended",
        )

    def _forget(self, resource_id: str) -> None:
        _, task = self._running.pop(resource_id)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a %s failed", self._noun, exc_info=task.exception())
