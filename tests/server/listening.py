"""Listens to an avatar's events over a real connection, and waits for some."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette


@contextlib.asynccontextmanager
async def online(app: Starlette) -> AsyncIterator[str]:
    """Serve ``app``, whose lifespan another runs, on a free port; yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    web = uvicorn.Server(config)
    serving = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        web.should_exit = True
        await serving


class Events:
    """What was told so far, as (kind, data)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._arrived = asyncio.Condition()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for found, data in self.told if found == kind]

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait until there are ``count`` of this kind; return the last of these."""
        async with asyncio.timeout(20), self._arrived:
            await self._arrived.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def read(self, response: httpx.Response) -> None:
        kind = ""
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                kind = value
            elif field == "data":
                self.told.append((kind, json.loads(value)))
                async with self._arrived:
                    self._arrived.notify_all()


@contextlib.asynccontextmanager
async def listening(url: str, avatar: str) -> AsyncIterator[Events]:
    """Listen to ``avatar`` of the server at ``url``, from after its first event on."""
    events = Events()
    async with (
        httpx.AsyncClient(base_url=url) as http,
        http.stream("GET", f"/v1/avatars/{avatar}/events") as response,
    ):
        assert response.headers["Content-Type"].startswith("text/event-stream")
        reading = asyncio.create_task(events.read(response))
        try:
            await events.until("queue")
            yield events
        finally:
            reading.cancel()
            await asyncio.wait([reading])
