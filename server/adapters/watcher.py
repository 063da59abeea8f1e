"""Watching a live avatar by WHEP (draft-ietf-wish-whep), as a program does."""

import asyncio
import contextlib
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError, URLError

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from server.adapters.inbox import AvatarError

_TIMEOUT_S = 15.0
# aioice goes on for 64 s with packets that a firewall swallows.
_WAY_TIMEOUT_S = 10.0
_NO_WAY = "found no way for sound and picture: let UDP through between here and the server"
_LOST = {"failed": _NO_WAY, "closed": "the connection of sound and picture was closed"}


class Watcher:
    """Hands what the avatar at the WHEP endpoint ``url`` shows and says to ``on_media``.

    ``headers`` go with the offer. ``on_lost`` is told why no more comes, once, between
    ``connect`` and ``aclose``.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        on_media: Callable[[VideoFrame | AudioFrame], None],
        on_lost: Callable[[AvatarError], None],
    ) -> None:
        self._url = url
        self._headers = headers
        self._on_media = on_media
        self._on_lost = on_lost
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._is_over = False
        self._connected: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Watch. Raises AvatarError: refused, or found no way for sound and picture."""
        self._connected = asyncio.get_running_loop().create_future()
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)
        for kind in ("audio", "video"):
            self._peer.addTransceiver(kind, "recvonly")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        request = urllib.request.Request(
            self._url,
            self._peer.localDescription.sdp.encode(),
            {"Content-Type": "application/sdp", **self._headers},
        )
        answer = await asyncio.to_thread(_post, request)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            async with asyncio.timeout(_WAY_TIMEOUT_S):
                await self._connected
        except TimeoutError as error:
            raise AvatarError(_NO_WAY) from error

    async def aclose(self) -> None:
        """Watch no more."""
        self._is_over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._peer.close()

    def _on_state(self) -> None:
        assert self._connected is not None
        state = self._peer.connectionState
        if state == "connected" and not self._connected.done():
            self._connected.set_result(None)
        if state not in _LOST or self._is_over:
            return
        self._is_over = True
        error = AvatarError(_LOST[state])
        if self._connected.done():
            self._on_lost(error)
        else:
            self._connected.set_exception(error)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._receive(track)))

    async def _receive(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                media = await track.recv()
                assert isinstance(media, VideoFrame | AudioFrame)
                self._on_media(media)


def _post(request: urllib.request.Request) -> str:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            return str(response.read().decode())
    except HTTPError as error:
        raise AvatarError(f"cannot watch the avatar: {error.read().decode()}") from error
    except URLError as error:
        raise AvatarError(f"cannot watch the avatar: {error.reason}") from error
