"""A program's end of a live avatar: speak by its voice socket, watch it by WHEP."""

import asyncio
import contextlib
import logging
import urllib.request
from collections.abc import AsyncIterator
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from server import voice_messages
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

logger = logging.getLogger(__name__)

_TIMEOUT_S = 15.0
# Media in real time for half a second: 12 pictures and 25 packets. What is older is dropped.
_MAX_WAITING = 40

Received = VideoFrame | AudioFrame | PlaybackStarted | PlaybackFinished


class AvatarError(Exception):
    """The server refused, or is gone; says what it said."""


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
        self.dropped = 0
        self._url = url.rstrip("/")
        self._name = quote(name, safe="")
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._socket: ClientConnection | None = None
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._received: asyncio.Queue[Received | AvatarError] = asyncio.Queue(_MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Become the avatar's voice, and its viewer. Raises AvatarError."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._speak()
                await self._watch()
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        await self._peer.close()

    async def __aiter__(self) -> AsyncIterator[Received]:
        """What comes, until the server goes: then AvatarError is raised."""
        while True:
            received = await self._received.get()
            if isinstance(received, AvatarError):
                raise received
            yield received

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
        self._tasks.append(asyncio.create_task(self._hear_messages(self._socket)))

    async def _hear_messages(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = voice_messages.parse_answer(str(text))
                if isinstance(message, Error):
                    self._put(AvatarError(message.message))
                elif isinstance(message, PlaybackStarted | PlaybackFinished):
                    self._put(message)
        self._put(AvatarError(f"the server closed: {socket.close_code} {socket.close_reason}"))

    async def _watch(self) -> None:
        self._peer.on("track", self._on_track)
        for kind in ("audio", "video"):
            self._peer.addTransceiver(kind, "recvonly")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        request = urllib.request.Request(
            f"{self._url}/whep/{self._name}",
            self._peer.localDescription.sdp.encode(),
            {"Content-Type": "application/sdp", **self._headers},
        )
        answer = await asyncio.to_thread(_post, request)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._receive(track)))

    async def _receive(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                media = await track.recv()
                assert isinstance(media, VideoFrame | AudioFrame)
                self._put(media)

    def _put(self, received: Received | AvatarError) -> None:
        """Keep the newest: of media that nobody takes, and of messages among it, old is useless."""
        if self._received.full():
            self._received.get_nowait()
            self.dropped += 1
        self._received.put_nowait(received)


def _post(request: urllib.request.Request) -> str:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            return str(response.read().decode())
    except HTTPError as error:
        raise AvatarError(f"cannot watch the avatar: {error.read().decode()}") from error
    except URLError as error:
        raise AvatarError(f"cannot watch the avatar: {error.reason}") from error
