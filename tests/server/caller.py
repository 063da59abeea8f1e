"""A second peer, as a browser would be: it calls over HTTP, speaks a sound, records what comes."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Self

import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcicetransport import RTCIceParameters
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray
from pydantic import TypeAdapter

from server import messages, trickle
from server.ice_restart import IceRestart
from server.messages import ServerMessage

RATE = 48_000
PACKET = 960
_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


class Speaker(MediaStreamTrack):
    """A 400 Hz tone of 0.5 that is on while ``loud``; paced by the clock, as a microphone is."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.loud = True
        self._start = time.monotonic()
        self._pts = 0

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        due = self._start + (self._pts + PACKET) / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        times = (self._pts + np.arange(PACKET)) / RATE
        tone = np.sin(2 * np.pi * 400 * times) * 16_000 * self.loud
        sound = AudioFrame.from_ndarray(tone.astype(np.int16)[None], format="s16", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = RATE, self._pts, Fraction(1, RATE)
        self._pts += PACKET
        return sound


class RemotePeer:
    """A peer that offers over HTTP. Everything that arrives is kept and can be awaited.

    ``pictures`` are mean colours; the last picture is ``shown``.
    """

    path = "/v1/calls"

    def __init__(self, http: httpx.AsyncClient, ice_servers: Sequence[RTCIceServer] = ()) -> None:
        self.http = http
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self.pictures: list[NDArray[np.float64]] = []
        self.shown: NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)
        self.sounds: list[float] = []
        self.location = ""
        self.video_codec: str | None = None
        self.response: httpx.Response | None = None
        self._arrived = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self.peer.on("track", self._on_track)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def prepare(self) -> None:
        """Add what the offer is to have."""
        raise NotImplementedError

    async def offer(self) -> str:
        """The SDP offer, with all its candidates."""
        self.prepare()
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    def receive_video(self) -> None:
        """Offer to receive pictures, in ``video_codec`` only if there is one."""
        video = self.peer.addTransceiver("video", "recvonly")
        if self.video_codec is not None:
            known = RTCRtpReceiver.getCapabilities("video")
            assert known is not None
            video.setCodecPreferences([c for c in known.codecs if c.name == self.video_codec])

    async def post(self, **params: str) -> httpx.Response:
        """POST the offer; the response is kept, the answer not yet applied."""
        self.response = await self.http.post(
            self.path,
            content=await self.offer(),
            params=params,
            headers={"Content-Type": "application/sdp"},
        )
        return self.response

    async def connect(self, **params: str) -> None:
        """Offer, and wait until media can flow."""
        response = await self.post(**params)
        assert response.status_code == 201, response.text
        self.location = response.headers["Location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        await self.ready()

    async def ready(self) -> None:
        """Wait until media can flow."""
        await self.until_state("connected")

    async def until_state(self, state: str) -> None:
        """Wait until the connection is in ``state``."""
        changed = asyncio.Event()
        self.peer.on("connectionstatechange", changed.set)
        async with asyncio.timeout(20):
            while self.peer.connectionState != state:
                changed.clear()
                await changed.wait()

    async def restart_ice(self) -> httpx.Response:
        """Ask for a new ICE session, and connect in it; return what the server answered."""
        dtls = self.peer.getTransceivers()[0].receiver.transport
        restart = IceRestart(dtls.transport, [], timeout_s=20)
        own = trickle.write("audio", "0", *await restart.gather())
        headers = {"Content-Type": trickle.MEDIA_TYPE, "If-Match": "*"}
        response = await self.http.patch(self.location, content=own, headers=headers)
        assert response.status_code == 200, response.text
        answer = trickle.parse(response.content)
        for candidate in answer.candidates:
            await restart.add_candidate(candidate)
        await restart.add_candidate(None)
        await restart.connect(RTCIceParameters(answer.ice_ufrag, answer.ice_pwd))
        return response

    async def vanish(self) -> None:
        """Cut the network without a word."""
        await self.peer.getTransceivers()[0].receiver.transport.transport.stop()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20) -> None:
        """Wait for what arrives to fulfil ``condition``."""
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(condition)

    async def until_pictures(self, seen: Callable[[NDArray[np.float64]], bool]) -> None:
        """Wait for a picture, of those that come from now on, whose mean colour is as wanted."""
        start = len(self.pictures)
        await self.until(lambda: any(seen(p) for p in self.pictures[start:]))

    async def until_sound(self, heard: Callable[[float], bool]) -> None:
        """Wait for 20 ms, of those that come from now on, of the wanted RMS."""
        start = len(self.sounds)
        await self.until(lambda: any(heard(s) for s in self.sounds[start:]))

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._start(self._record(track))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _record(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                media = await track.recv()
            except MediaStreamError:
                return
            if isinstance(media, VideoFrame):
                self.shown = np.asarray(media.to_ndarray(format="rgb24"), np.uint8)
                self.pictures.append(self.shown.mean(axis=(0, 1)))
            elif isinstance(media, AudioFrame):
                self.sounds.append(float(np.sqrt(np.mean(media.to_ndarray().astype(float) ** 2))))
            await self._notify()

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()


class Caller(RemotePeer):
    """One call."""

    def __init__(self, http: httpx.AsyncClient, ice_servers: Sequence[RTCIceServer] = ()) -> None:
        super().__init__(http, ice_servers)
        self.speaker = Speaker()
        self.messages: list[ServerMessage] = []
        self._channel: RTCDataChannel = self.peer.createDataChannel(messages.CHANNEL_LABEL)
        self._channel.on("message", self._on_message)

    def prepare(self) -> None:
        self.peer.addTrack(self.speaker)
        self.receive_video()

    async def ready(self) -> None:
        """Wait until the control channel is open."""
        await self.until(lambda: any(isinstance(m, messages.Ready) for m in self.messages))

    async def until_message(self, kind: type[ServerMessage]) -> ServerMessage:
        """Wait for the first message of a kind, and take it out of ``messages``."""
        await self.until(lambda: any(isinstance(m, kind) for m in self.messages))
        found = next(m for m in self.messages if isinstance(m, kind))
        self.messages.remove(found)
        return found

    def say(self, text: str) -> None:
        """Send a control message, valid or not."""
        self._channel.send(text)

    def _on_message(self, text: str) -> None:
        self.messages.append(_MESSAGE.validate_json(text))
        self._start(self._notify())


class Watcher(RemotePeer):
    """One viewer of the avatar ``name``."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        super().__init__(http)
        self.path = f"/whep/{name}"

    def prepare(self) -> None:
        self.peer.addTransceiver("audio", "recvonly")
        self.receive_video()


class Broadcaster(RemotePeer):
    """One who publishes sound to the avatar ``name``; with ``films`` it offers video, too."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        super().__init__(http)
        self.path = f"/whip/{name}"
        self.speaker = Speaker()
        self.films = False

    def prepare(self) -> None:
        self.peer.addTransceiver(self.speaker, "sendonly")
        if self.films:
            self.peer.addTransceiver("video", "sendonly")
