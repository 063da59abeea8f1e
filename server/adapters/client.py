"""A program's end of a live avatar: speak by its voice socket, watch it by WHEP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from server import voice_messages
from server.adapters.inbox import AvatarError, Inbox, Received
from server.adapters.watcher import Watcher
from server.voice_messages import (
    MAX_SOUND_BYTES,
    Clear,
    ClientMessage,
    End,
    Error,
    PlaybackFinished,
    PlaybackStarted,
    Start,
)

__all__ = ["AvatarClient", "AvatarError", "Received"]

_TIMEOUT_S = 15.0
# A server that goes closes both connections, and tells why by one of them.
_LAST_WORDS_S = 1.0


class AvatarClient:
    """Gives the avatar ``name`` of the server at ``url`` its voice, and receives what it makes.

    ``url`` such as "http://localhost:8080"; ``key`` one with the scope publish, for a server on
    another machine; ``sample_rate`` of what is said: 16000, 24000 or 48000 Hz. ``connect`` first,
    ``aclose`` at last; iterate over it for pictures, sounds (48 kHz, stereo) and messages.
    """

    def __init__(
        self, url: str, name: str, *, sample_rate: int = 24_000, key: str | None = None
    ) -> None:
        if sample_rate not in (16_000, 24_000, 48_000):
            raise ValueError(
                f"found speech at {sample_rate} Hz, expected 16000, 24000 or 48000: resample it"
            )
        self.sample_rate = sample_rate
        self._url = url.rstrip("/")
        self._name = quote(name, safe="")
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._socket: ClientConnection | None = None
        self._inbox = Inbox()
        whep_url = f"{self._url}/whep/{self._name}"
        self._watcher = Watcher(whep_url, self._headers, self._inbox.put, self._on_lost)
        self._hearing: asyncio.Task[None] | None = None
        self._losing: asyncio.Task[None] | None = None

    @property
    def dropped(self) -> int:
        """Pictures and sounds that came but were not taken in time."""
        return self._inbox.dropped

    async def connect(self) -> None:
        """Become the avatar's voice, and its viewer. Raises AvatarError."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._speak()
                await self._watcher.connect()
        except (OSError, TimeoutError, WebSocketException) as error:
            await self.aclose()
            raise AvatarError(f"cannot reach the avatar at {self._url}: {error}") from error
        except AvatarError:
            await self.aclose()
            raise

    async def say(self, pcm: bytes) -> None:
        """Add 16-bit little-endian mono PCM to the utterance, faster than real time if you like."""
        for first in range(0, len(pcm), MAX_SOUND_BYTES):
            await self._send(pcm[first : first + MAX_SOUND_BYTES])

    async def end(self) -> None:
        """End the utterance."""
        await self._send(End())

    async def clear(self) -> None:
        """Fall silent at once."""
        await self._send(Clear())

    async def aclose(self) -> None:
        """Leave."""
        await self._watcher.aclose()
        tasks = [task for task in (self._hearing, self._losing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[Received]:
        """What comes, until the server goes: then AvatarError is raised."""
        while True:
            yield await self._inbox.take()

    async def _send(self, message: ClientMessage | bytes) -> None:
        if self._socket is None:
            raise AvatarError("found no connection, expected `connect` first")
        data = message if isinstance(message, bytes) else voice_messages.serialize(message)
        with contextlib.suppress(ConnectionClosed):  # told to who iterates, with the reason
            await self._socket.send(data)

    async def _speak(self) -> None:
        url = f"ws{self._url.removeprefix('http')}/v1/avatars/{self._name}/audio"
        self._socket = await connect(url, additional_headers=self._headers)
        await self._send(Start(sample_rate=self.sample_rate))  # type: ignore[arg-type]
        answer = voice_messages.parse_answer(str(await self._socket.recv()))
        if isinstance(answer, Error):
            raise AvatarError(answer.message)
        self._hearing = asyncio.create_task(self._hear_messages(self._socket))

    async def _hear_messages(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = voice_messages.parse_answer(str(text))
                if isinstance(message, Error):
                    self._inbox.put(AvatarError(message.message))
                elif isinstance(message, PlaybackStarted | PlaybackFinished):
                    self._inbox.put(message)
        self._inbox.put(
            AvatarError(f"the server closed: {socket.close_code} {socket.close_reason}")
        )

    def _on_lost(self, error: AvatarError) -> None:
        self._losing = asyncio.create_task(self._lose(error))

    async def _lose(self, error: AvatarError) -> None:
        if self._hearing is not None:
            await asyncio.wait([self._hearing], timeout=_LAST_WORDS_S)
        self._inbox.put(error)
