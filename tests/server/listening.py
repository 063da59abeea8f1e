"""A test's server on a real port, for programs that are no part of the test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn

from server.app import Server


@contextlib.asynccontextmanager
async def listening(server: Server) -> AsyncIterator[str]:
    """Serve ``server``, whose lifespan runs already, on loopback; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(server.app, lifespan="off", log_config=None, ws="none")
        web = uvicorn.Server(config)
        serving = asyncio.create_task(web.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            web.should_exit = True
            await serving
