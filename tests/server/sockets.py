"""A server of the tests on a real port, for clients of its WebSockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from server import serving, voice_messages
from server.voice_messages import Start
from tests.server.conftest import Running

RATE = 24_000


@contextlib.asynccontextmanager
async def listening(running: Running) -> AsyncIterator[str]:
    """Serve ``running`` on a port of 127.0.0.1; yield its address without a scheme."""
    config = serving.config(running.server.app, port=0, lifespan="off")
    web = uvicorn.Server(config)
    listener = config.bind_socket()
    listener.listen()
    task = asyncio.create_task(web._serve(sockets=[listener]))
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        web.should_exit = True
        await task
        listener.close()


class Voice:
    """A client of the voice socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def start(self, sample_rate: int = RATE, **more: Any) -> None:
        await self.socket.send(
            voice_messages.serialize(Start(sample_rate=sample_rate, **more))  # type: ignore[arg-type]
        )
        assert await self.next() == voice_messages.Ready()

    async def next(self) -> voice_messages.ServerMessage:
        async with asyncio.timeout(20):
            text = await self.socket.recv()
        assert isinstance(text, str)
        return voice_messages.parse_answer(text)

    async def send(self, *frames: str | bytes) -> None:
        for frame in frames:
            await self.socket.send(frame)

    async def refusal(self) -> tuple[voice_messages.Error, int, str]:
        """Return the error that comes next, and the code and reason of the close after it."""
        error = await self.next()
        assert isinstance(error, voice_messages.Error)
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return error, self.socket.close_code, self.socket.close_reason or ""


@contextlib.asynccontextmanager
async def voice(address: str, name: str = "first", **options: Any) -> AsyncIterator[Voice]:
    """Connect to the voice socket of the avatar ``name``."""
    url = f"ws://{address}/v1/avatars/{name}/audio"
    async with connect(url, proxy=None, **options) as socket:
        yield Voice(socket)


def tone(seconds: float, sample_rate: int = RATE) -> bytes:
    """Loud PCM."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (np.sin(2 * np.pi * 400 * times) * 16_000).astype("<i2").tobytes()
