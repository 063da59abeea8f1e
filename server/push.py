"""An avatar sent on to a WHIP server, for as long as it is wanted: it comes back after losses."""

import asyncio
import dataclasses
import logging
import random
import time
from collections.abc import Callable
from enum import Enum
from typing import NoReturn

import httpx
from aiortc import RTCRtpSender

from server import codec_preferences, counter_offer, logs, negotiation, sdp, web_address
from server.broadcast import MAX_CATCH_UP_FRAMES, Rendition, Seat, SeatReceiver
from server.feedback import PictureFeedback
from server.outgoing_config import PublishConfig
from server.peer import Peer
from server.performance import Performance
from server.performances import Performances
from server.problems import Problem
from server.sdp import VideoCodec
from server.services import Services
from server.tracks import PacketTrack, picture_track, voice_track
from server.turn import IceServer
from server.whip_client import PushError, WhipClient

logger = logging.getLogger(__name__)

# A connection that held so long was a good one: the next loss begins with short waits again.
_STABLE_S = 30.0


class PushState(Enum):
    """CONNECTING: under way. CONNECTED: media flows. WAITING: lost, tried again soon.

    FAILED: the server refuses it; asked again much later, or never where that is configured.
    """

    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    FAILED = "failed"


class Push:
    """``run`` until cancelled. ``clock`` gives monotonic seconds, ``jitter`` a number in 0..1."""

    def __init__(
        self,
        avatar: str,
        target: PublishConfig,
        services: Services,
        performances: Performances,
        http: httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.avatar = avatar
        self.url = target.url
        self.state = PushState.CONNECTING
        self.reason: str | None = None
        self.attempts = 0
        self._address = web_address.parse(target.url)
        self._token = target.token
        self._services = services
        self._performances = performances
        self._http = http
        self._clock = clock
        self._jitter = jitter
        self._ice_servers: tuple[IceServer, ...] = ()
        self._next_s = 0.0
        self._failures = 0

    @property
    def retry_in_s(self) -> float | None:
        """When it is tried again; None while it need not be, and when it will not be."""
        if self.state in (PushState.CONNECTING, PushState.CONNECTED) or self._next_s == 0.0:
            return None
        return max(0.0, self._next_s - self._clock())

    async def run(self) -> None:
        """Be there, and come back; return only when no more attempts are allowed."""
        logs.bind_session(f"push {self.avatar}")
        while True:
            self._become(PushState.CONNECTING, self.reason)
            self.attempts += 1
            try:
                await self._attempt()
            except PushError as error:
                delay_s = self._note_failure(error)
            except Problem as problem:
                delay_s = self._note_failure(PushError(problem.detail))
            if delay_s is None:
                return
            self._next_s = self._clock() + delay_s
            await asyncio.sleep(delay_s)

    def fail(self, error: BaseException) -> None:
        """Tell that ``run`` has failed, which is a bug."""
        self._next_s = 0.0
        self._become(PushState.FAILED, f"internal error ({type(error).__name__}): see the log")

    def _note_failure(self, error: PushError) -> float | None:
        """Become what ``error`` makes of it; return how long to wait, None for ever."""
        push = self._services.config.push
        self._failures += 1
        self._services.metrics.push_failures.inc()
        delay_s: float | None
        if error.is_refusal:
            delay_s = push.refused_retry_s
        else:
            delay_s = min(push.max_retry_s, push.first_retry_s * 2.0 ** min(self._failures - 1, 30))
            # Half of it by chance: those who were lost together do not come back together.
            delay_s *= 0.5 + 0.5 * self._jitter()
            delay_s = max(delay_s, min(error.retry_after_s or 0.0, push.max_retry_s))
        if push.max_attempts is not None and self._failures >= push.max_attempts:
            delay_s = None
        is_over = error.is_refusal or delay_s is None
        self._become(PushState.FAILED if is_over else PushState.WAITING, str(error))
        logger.warning(
            "push %s: %s",
            self.state.value,
            error,
            extra={
                "avatar": self.avatar,
                "host": self._address.host,
                "retry_in_s": None if delay_s is None else round(delay_s, 1),
            },
        )
        if delay_s is None:
            self._next_s = 0.0
        return delay_s

    async def _attempt(self) -> NoReturn:
        """Connect and stay; raises PushError when it is over, Problem when it cannot be live."""
        await self._services.avatars.get(self.avatar)
        client = WhipClient(self._http, self._address, self._token)
        client.ice_servers = self._ice_servers
        gone = asyncio.Event()
        peer: Peer | None = None
        try:
            await client.find_ice_servers()
            self._ice_servers = client.ice_servers
            config = self._services.config
            peer = Peer(
                dataclasses.replace(config, ice_servers=(*config.ice_servers, *client.ice_servers)),
                gone.set,
            )
            pictures, sound = picture_track(MAX_CATCH_UP_FRAMES), voice_track()
            sender, offer = await _offer(peer, pictures, sound)
            answer = await client.publish(offer)
            codec = await _apply(peer, answer)
            await self._until_connected(peer, gone)
            seat = Seat(Rendition(codec), pictures, sound)
            performance = await self._performances.open(self.avatar)
            feedback = PictureFeedback(config.video, self._services.metrics)
            feedback.listen_to(sender, SeatReceiver(performance.broadcast, seat, pictures))
            await self._send(performance, seat, gone)
        finally:
            # Those that came with the answer came too late for this attempt.
            self._ice_servers = client.ice_servers
            if peer is not None:
                await peer.close()
            await client.end()
        raise PushError("the connection was lost")

    async def _until_connected(self, peer: Peer, gone: asyncio.Event) -> None:
        going = asyncio.create_task(gone.wait())
        coming = asyncio.create_task(peer.connected.wait())
        try:
            await asyncio.wait(
                [going, coming],
                timeout=self._services.config.call.connect_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            going.cancel()
            coming.cancel()
        if gone.is_set() or not peer.connected.is_set():
            raise PushError("no media connection came about (ICE, DTLS): is UDP let through?")

    async def _send(self, performance: Performance, seat: Seat, gone: asyncio.Event) -> None:
        performance.on_end.add(gone.set)
        performance.broadcast.take_seat(seat)
        self._become(PushState.CONNECTED, None)
        logger.info("push connected", extra={"host": self._address.host})
        since_s = self._clock()
        try:
            await gone.wait()
        finally:
            performance.broadcast.leave_seat(seat)
            performance.on_end.discard(gone.set)
            if self._clock() - since_s >= _STABLE_S:
                self._failures = 0

    def _become(self, state: PushState, reason: str | None) -> None:
        self.state = state
        self.reason = reason


async def _offer(peer: Peer, pictures: PacketTrack, sound: PacketTrack) -> tuple[RTCRtpSender, str]:
    """Return what sends the pictures, and the SDP offer."""
    voice = peer.connection.addTransceiver(sound, "sendonly")
    voice.setCodecPreferences(codec_preferences.for_voice())
    picture = peer.connection.addTransceiver(pictures, "sendonly")
    picture.setCodecPreferences(codec_preferences.for_pictures(*VideoCodec))
    return picture.sender, counter_offer.only_multiplexed(await peer.offer())


async def _apply(peer: Peer, answer: str) -> VideoCodec:
    """Take the SDP answer, and return which codec the other side wants."""
    try:
        checked = sdp.check_answer(answer.encode())
        await negotiation.accept(peer.connection, checked)
    except Problem as problem:
        raise PushError(
            f"the SDP answer cannot be used: {problem.detail}",
            is_refusal=isinstance(problem, sdp.RejectedError),
        ) from problem
    assert checked.video_codec is not None
    return checked.video_codec
