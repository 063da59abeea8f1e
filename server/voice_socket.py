"""``/v1/avatars/{name}/audio``: speak through an avatar by a WebSocket, faster than real time.

The first frame is ``Start``. Then binary frames bring PCM, ``End`` ends an utterance, ``Clear``
cuts off what is said; the server tells when an utterance begins and ends to be heard. Before the
server closes, it sends ``Error``; the close code tells programs why:

====  =============================================================================
1001  the avatar's performance has ended
1008  what was sent is not of this protocol, or is more speech than may wait
1009  a frame is too large
1011  a fault of the server
1013  no place is free, or messages are not read: come back later
4401  no key, or an unknown one; 4403: the key lacks the scope "publish"
4404  there is no such avatar
4408  nothing was sent for too long
4409  another speaks through this avatar
4422  the avatar's picture cannot be used any more
4429  too many sockets were opened from this address
====  =============================================================================
"""

import asyncio
import contextlib
import logging
import secrets
from http import HTTPStatus

import numpy as np
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from server import access, cross_origin, logs, voice_description, voice_messages
from server.access import Access
from server.keys import Scope
from server.performance import Performance, SpeechEvent
from server.performances import Performances
from server.problems import Problem, problem_response
from server.rate_limit import RateLimit
from server.services import Services
from server.voice_messages import (
    MAX_SOUND_BYTES,
    Clear,
    End,
    Error,
    MessageError,
    PlaybackFinished,
    PlaybackStarted,
    Ready,
    ServerMessage,
    Start,
)
from streaming.speech import SpeechOverflowError

logger = logging.getLogger(__name__)

PATH = "/v1/avatars/{name}/audio"
_START_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_MAX_UTTERANCES = 200
# Two of each utterance, and what comes before them.
_MAX_ANSWERS = 2 * _MAX_UTTERANCES + 1
# RFC 6455 section 5.5: a control frame holds 125 bytes, of which the code takes 2.
_MAX_REASON_BYTES = 123
_CLOSE_CODES = {
    HTTPStatus.SERVICE_UNAVAILABLE: 1013,
    HTTPStatus.INTERNAL_SERVER_ERROR: 1011,
}


class Refusal(Exception):
    """The socket is to be closed: by ``close_code``, after an Error."""

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.error = Error(code=code, message=message)


def router(performances: Performances, services: Services, guard: Access) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["live"], responses=access.REFUSALS)
    config = services.config
    limit = RateLimit(
        "voice sockets",
        config.limits.calls_per_minute,
        config.limits.calls_burst,
        services.metrics,
    )

    @routes.websocket(PATH)
    async def speak(socket: WebSocket, name: str) -> None:
        try:
            cross_origin.check(socket, config.http.allowed_origins)
        except Problem as problem:
            await socket.send_denial_response(problem_response(problem))
            return
        await socket.accept()
        try:
            limit.check(socket)
            start = await _first(socket)
            owner = guard.check_socket(socket, start.key, Scope.PUBLISH)
            async with performances.opened(name, owner) as performance:
                voice = _Voice(socket, performance, start.sample_rate, config.call.idle_timeout_s)
                with contextlib.suppress(WebSocketDisconnect):
                    await voice.run()
        except WebSocketDisconnect:
            return
        except Problem as problem:
            code = _CLOSE_CODES.get(problem.status, 4000 + problem.status)
            await _close(socket, Refusal(code, problem.code, problem.detail))
        except Refusal as refusal:
            await _close(socket, refusal)

    voice_description.add(routes, PATH, config, guard, _MAX_UTTERANCES)
    return routes


class _Voice:
    """One socket that gives ``performance`` its voice while it ``run``s."""

    def __init__(
        self, socket: WebSocket, performance: Performance, sample_rate: int, idle_timeout_s: float
    ) -> None:
        self._id = secrets.token_urlsafe(8)
        self._socket = socket
        self._performance = performance
        self._sample_rate = sample_rate
        self._idle_timeout_s = idle_timeout_s
        self._utterances = 0
        self._is_open = False
        # Numbers by the ids of the utterances that are not heard to their end.
        self._waiting: dict[str, int] = {}
        self._answers: asyncio.Queue[ServerMessage] = asyncio.Queue(_MAX_ANSWERS)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Speak until the client goes. Raises Refusal, Problem 409, WebSocketDisconnect."""
        logs.bind_session(self._id)
        performance = self._performance
        source = performance.take_voice(f"a voice socket ({self._id[:6]}...)")
        performance.on_speech.add(self._on_speech)
        performance.on_end.add(self._on_end)
        self._answers.put_nowait(Ready())
        work = [asyncio.create_task(self._listen()), asyncio.create_task(self._answer())]
        logger.info("voice socket open", extra={"avatar": performance.name})
        try:
            await asyncio.wait([*work, self._over], return_when=asyncio.FIRST_COMPLETED)
            for ended in (self._over, *work):
                if ended.done():
                    ended.result()
        finally:
            performance.on_speech.discard(self._on_speech)
            performance.on_end.discard(self._on_end)
            source.release()
            self._over.cancel()
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            logger.info("voice socket closed", extra={"avatar": performance.name})

    async def _listen(self) -> None:
        while True:
            frame = await _receive(self._socket, self._idle_timeout_s)
            if isinstance(frame, bytes):
                self._say(frame)
                continue
            message = _parse(frame)
            if isinstance(message, Clear):
                self._is_open = False
                self._performance.hush()
            elif isinstance(message, End):
                if self._is_open:
                    self._is_open = False
                    self._performance.end_utterance()
            else:
                raise Refusal(1008, "invalid-message", "found a second start, expected one only")

    def _say(self, sound: bytes) -> None:
        if len(sound) > MAX_SOUND_BYTES:
            raise Refusal(
                1009,
                "invalid-sound",
                f"found a frame of {len(sound)} bytes, expected at most {MAX_SOUND_BYTES}: send"
                " several",
            )
        if len(sound) % 2:
            raise Refusal(
                1008, "invalid-sound", f"found {len(sound)} bytes, expected whole 16-bit samples"
            )
        if not sound:
            return
        if not self._is_open:
            self._begin()
        try:
            self._performance.say(np.frombuffer(sound, "<i2"))
        except SpeechOverflowError as error:
            raise Refusal(1008, "too-much-speech", str(error)) from error

    def _begin(self) -> None:
        if len(self._waiting) >= _MAX_UTTERANCES:
            raise Refusal(
                1008,
                "too-much-speech",
                f"{_MAX_UTTERANCES} utterances wait to be spoken: send more later",
            )
        self._utterances += 1
        utterance = f"{self._id}.{self._utterances}"
        self._waiting[utterance] = self._utterances
        self._performance.begin_utterance(utterance, self._sample_rate)
        self._is_open = True

    async def _answer(self) -> None:
        while True:
            message = await self._answers.get()
            await self._socket.send_text(voice_messages.serialize(message))

    def _on_speech(self, event: SpeechEvent) -> None:
        number = self._waiting.get(event.utterance)
        if number is None:
            return
        if not event.is_end:
            self._tell(PlaybackStarted(utterance=number))
            return
        del self._waiting[event.utterance]
        if number == self._utterances:
            # Somebody else may have cut it off; what comes now is another one.
            self._is_open = False
        self._tell(
            PlaybackFinished(
                utterance=number, position_ms=event.position_ms, interrupted=event.interrupted
            )
        )

    def _tell(self, message: ServerMessage) -> None:
        try:
            self._answers.put_nowait(message)
        except asyncio.QueueFull:
            self._end(1013, "not-read", f"{_MAX_ANSWERS} messages wait to be read: read them")

    def _on_end(self) -> None:
        self._end(1001, "not-live", f"the avatar {self._performance.name!r} is live no more")

    def _end(self, close_code: int, code: str, message: str) -> None:
        if not self._over.done():
            self._over.set_exception(Refusal(close_code, code, message))


async def _first(socket: WebSocket) -> Start:
    frame = await _receive(socket, _START_TIMEOUT_S)
    if isinstance(frame, bytes):
        raise Refusal(1008, "invalid-message", "found sound, expected the message start first")
    message = _parse(frame)
    if not isinstance(message, Start):
        raise Refusal(
            1008, "invalid-message", f"found the message {message.type}, expected start first"
        )
    return message


async def _receive(socket: WebSocket, timeout_s: float) -> str | bytes:
    try:
        async with asyncio.timeout(timeout_s):
            event = await socket.receive()
    except TimeoutError as error:
        raise Refusal(4408, "idle", f"nothing was sent for {timeout_s:g} s") from error
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event["code"])
    text: str | None = event.get("text")
    sound: bytes | None = event.get("bytes")
    return text if text is not None else sound or b""


def _parse(text: str) -> voice_messages.ClientMessage:
    try:
        return voice_messages.parse(text)
    except MessageError as error:
        raise Refusal(1008, "invalid-message", str(error)) from error


async def _close(socket: WebSocket, refusal: Refusal) -> None:
    """Tell why, and close; whoever reads nothing is not waited for."""
    reason = str(refusal).encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await socket.send_text(voice_messages.serialize(refusal.error))
            await socket.close(refusal.close_code, reason)
