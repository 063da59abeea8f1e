"""A WHIP server as others have it: it takes what is pushed; it can refuse, move and restart."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from fastapi import FastAPI, Request
from starlette.responses import Response

TOKEN = "open-sesame"
ICE_SERVER = '<stun:127.0.0.1:9>; rel="ice-server"'


class _Web(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class Receiver:
    """What it is asked is in ``requests``; what it gets, in ``pictures`` and ``sounds``."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.authorizations: list[str | None] = []
        self.bright: list[float] = []
        self.sounds: list[float] = []
        self.answer_with: Response | None = None
        self.offers: list[str] = []
        self.change_answer: Callable[[str], str] = str
        self.video_codec: str | None = None
        self.names_ice = False
        self.ended: list[str] = []
        self._changed = asyncio.Condition()
        self._peers: dict[str, RTCPeerConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._app = FastAPI()
        self._app.options("/whip/studio")(self._options)
        self._app.post("/whip/studio")(self._post)
        self._app.options("/moved")(self._options)
        self._app.post("/moved")(self._moved)
        self._app.delete("/session/{number}")(self._delete)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/whip/studio"

    @property
    def moved_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/moved"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen; at the end, all sessions are gone, as after a restart."""
        web = _Web(uvicorn.Config(self._app, port=self.port, log_config=None, lifespan="off"))
        serving = asyncio.create_task(web.serve())
        await web.listening.wait()
        try:
            yield
        finally:
            for peer in self._peers.values():
                await peer.close()
            self._peers.clear()
            web.should_exit = True
            await serving
            for task in self._tasks:
                task.cancel()

    async def until(self, what: str, count: int) -> None:
        """Wait until the list ``what`` has grown by ``count``."""
        found = getattr(self, what)
        wanted = len(found) + count
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(found) >= wanted)

    async def _note(self, request: Request) -> None:
        async with self._changed:
            self.requests.append(request.method)
            self.authorizations.append(request.headers.get("Authorization"))
            self._changed.notify_all()

    async def _options(self, request: Request) -> Response:
        await self._note(request)
        return Response(status_code=204, headers={"Link": ICE_SERVER} if self.names_ice else {})

    async def _moved(self, request: Request) -> Response:
        await self._note(request)
        return Response(status_code=307, headers={"Location": "/whip/studio"})

    async def _post(self, request: Request) -> Response:
        await self._note(request)
        if self.answer_with is not None:
            return self.answer_with
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Response(status_code=401)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", self._take)
        offer = (await request.body()).decode()
        self.offers.append(offer)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        if self.video_codec is not None:
            for transceiver in peer.getTransceivers():
                if transceiver.kind == "video":
                    transceiver._codecs = [
                        c for c in transceiver._codecs if c.name == self.video_codec
                    ]
        await peer.setLocalDescription(await peer.createAnswer())
        number = str(len(self.requests))
        self._peers[number] = peer
        return Response(
            self.change_answer(peer.localDescription.sdp),
            201,
            headers={"Location": f"/session/{number}", "ETag": '"one"'},
            media_type="application/sdp",
        )

    async def _delete(self, request: Request, number: str) -> Response:
        await self._note(request)
        if (peer := self._peers.pop(number, None)) is None:
            return Response(status_code=404)
        await peer.close()
        self.ended.append(request.headers.get("If-Match", ""))
        return Response()

    def _take(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._record(track)))

    async def _record(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                media = await track.recv()
            except MediaStreamError:
                return
            async with self._changed:
                if isinstance(media, VideoFrame):
                    self.bright.append(float(media.to_ndarray(format="rgb24")[..., 1].mean()))
                elif isinstance(media, AudioFrame):
                    pcm = media.to_ndarray().astype(float)
                    self.sounds.append(float(np.sqrt(np.mean(pcm**2))))
                self._changed.notify_all()
