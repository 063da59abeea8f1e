"""A named avatar that is live: one face, animated once, for any number of viewers.

It speaks what is pushed to it, or what a publisher's microphone says; with neither it listens.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NoReturn

import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

from server.avatars import Avatar
from server.broadcast import Broadcast, BroadcastFrame
from server.media import SessionMedia
from server.problems import Problem
from server.report import Reporter
from server.services import Services
from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE, samples_to_ms
from streaming.speech import PACKET_MS, SpeechPacket, SpeechQueue

logger = logging.getLogger(__name__)

_SILENCE = np.zeros((VOICE_CHUNK_SAMPLES, 1), np.int16)


@dataclass(frozen=True)
class SpeechEvent:
    """An utterance began to be heard, or will be heard no more.

    ``position_ms`` is how much of it has left. ``interrupted``: it was cut short.
    """

    utterance: str
    is_end: bool
    position_ms: float
    interrupted: bool = False


@dataclass
class _Spoken:
    """An utterance on its way out: positions of its first sample and after its last."""

    id: str
    start: int
    end: int | None = None
    begun: bool = False


@dataclass(eq=False)
class Source:
    """Who gives the performance its voice. One at a time: ask for it, and ``release`` it."""

    name: str
    release: Callable[[], None] = field(repr=False)


class Performance:
    """``run`` owns its tasks. ``clock`` gives monotonic seconds; ``owner``: see `Performances`.

    ``on_speech`` are called for every SpeechEvent, ``on_end`` when it is over, on the event loop.
    """

    def __init__(
        self,
        avatar: Avatar,
        services: Services,
        clock: Callable[[], float] = time.monotonic,
        owner: str | None = None,
    ) -> None:
        self.name = avatar.portrait.id
        self.owner = owner
        self.portrait = avatar.portrait
        self.on_speech: set[Callable[[SpeechEvent], None]] = set()
        self.on_end: set[Callable[[], None]] = set()
        config = services.config
        self.broadcast = Broadcast(config.video, config.voice, services.metrics, config.trust)
        self.media: SessionMedia[BroadcastFrame] = SessionMedia(
            services.stream,
            services.inference,
            avatar.portrait.identity,
            services.inference.avatar.open(secrets.randbits(31)),
            self.broadcast,
            services.metrics,
            clock,
        )
        self.media.controls = avatar.controls
        self.last_used_s = self._due_s = clock()
        self._services = services
        self._clock = clock
        # Of the event loop: after it, packets are not made up for. What is less late is played
        # still. The clock takes the first packet for one in time, so those that are made up for
        # come early: by less than what it would not place any more.
        self._max_behind_s = (services.stream.clock.resync_ms - PACKET_MS) / 1000
        self._queue = SpeechQueue(services.config.performance.max_speech_s * 1000)
        self._spoken: deque[_Spoken] = deque()
        self._source: Source | None = None
        self._listening = False
        self._paused = False
        self._pts = 0

    @property
    def source(self) -> str | None:
        """What gives it its voice now."""
        return None if self._source is None else self._source.name

    @property
    def is_used(self) -> bool:
        """Whether somebody watches, or speaks."""
        return self._source is not None or self.broadcast.viewers > 0

    async def run(self) -> None:
        """Live until cancelled. Raises InferenceError in a group."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.media.play())
            tasks.create_task(self._speak())
            tasks.create_task(Reporter(self.media, self._services.metrics).run())

    def close(self) -> None:
        """Tell everybody that it is over."""
        self.hush()
        for listener in tuple(self.on_end):
            listener()

    def take_voice(self, name: str) -> Source:
        """Become its voice. Raises Problem 409 when it has one."""
        if self._source is not None:
            raise Problem(
                HTTPStatus.CONFLICT,
                "voice-taken",
                f"the avatar {self.name!r} speaks for {self._source.name}: end that first",
            )

        def release() -> None:
            if self._source is source:
                self._source = None
                self.hush()

        self._source = source = Source(name, release)
        return source

    async def listen(
        self,
        track: MediaStreamTrack,
        on_sound: Callable[[NDArray[np.int16]], None] = lambda _: None,
    ) -> None:
        """Speak what ``track`` says until it ends; speech that is pushed meanwhile waits.

        ``on_sound`` gets what is heard, as it comes: (samples, channels).
        """
        self._listening = True
        self.media.stream.change_source()
        try:
            await self.media.listen(track, on_sound)
        finally:
            self._listening = False
            self.media.stream.change_source()

    def begin_utterance(self, utterance: str, sample_rate: int) -> None:
        """See SpeechQueue.begin."""
        self._queue.begin(utterance, sample_rate)

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Add (samples,) to the utterance that began last; see SpeechQueue.push."""
        self._queue.push(pcm)

    def end_utterance(self) -> None:
        """See SpeechQueue.end."""
        self._queue.end()

    @property
    def queued_ms(self) -> float:
        """How much speech waits to be spoken."""
        return self._queue.queued_ms

    @property
    def is_paused(self) -> bool:
        """Whether it keeps silent though there is something to say."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Keep silent, or go on where it was."""
        self._paused = paused

    def hush(self) -> None:
        """Fall silent at once: what was to be said is forgotten, and told to be interrupted."""
        # What has been heard since the last packet was spoken is told before its end.
        self._tell_progress()
        waiting = self._queue.clear()
        self.media.stream.hush()
        played = self.media.stream.played_until
        spoken, self._spoken = self._spoken, deque()
        for own in spoken:
            until = played if own.end is None else min(played, own.end)
            position_ms = samples_to_ms(max(0, until - own.start))
            self._tell(SpeechEvent(own.id, is_end=True, position_ms=position_ms, interrupted=True))
        for utterance in waiting:
            if all(own.id != utterance for own in spoken):
                self._tell(SpeechEvent(utterance, is_end=True, position_ms=0.0, interrupted=True))

    async def _speak(self) -> NoReturn:
        """Be the microphone of what is pushed: 20 ms every 20 ms, silence where nothing is said."""
        while True:
            self._speak_packet()
            await asyncio.sleep(self._due_s - self._clock())

    def _speak_packet(self) -> None:
        now = self._clock()
        if now - self._due_s > self._max_behind_s:
            # The event loop stood still: what is said now belongs to now, whatever its pts.
            self._due_s = now
            if not self._listening:
                self.media.stream.change_source()
        self._due_s += PACKET_MS / 1000
        if not self._listening:
            self._push(None if self._paused else self._queue.take(), now)
        self._pts += VOICE_CHUNK_SAMPLES
        self._tell_progress()
        if self.is_used:
            self.last_used_s = now

    def _push(self, packet: SpeechPacket | None, now: float) -> None:
        stream, pts = self.media.stream, self._pts
        if packet is None:
            stream.push_audio(_SILENCE, pts, VOICE_RATE, now)
            return
        position = stream.push_audio(packet.pcm[:, None], pts, VOICE_RATE, now)
        assert position is not None, "`_max_behind_s` keeps the pts with the clock"
        if packet.is_first:
            self._spoken.append(_Spoken(packet.utterance, position))
        if packet.is_last and self._spoken and self._spoken[-1].id == packet.utterance:
            self._spoken[-1].end = position + VOICE_CHUNK_SAMPLES

    def _tell_progress(self) -> None:
        played = self.media.stream.played_until
        while self._spoken:
            first = self._spoken[0]
            if not first.begun and played > first.start:
                first.begun = True
                self._tell(SpeechEvent(first.id, is_end=False, position_ms=0.0))
            if first.end is None or played < first.end:
                return
            self._spoken.popleft()
            position_ms = samples_to_ms(first.end - first.start)
            self._tell(SpeechEvent(first.id, is_end=True, position_ms=position_ms))

    def _tell(self, event: SpeechEvent) -> None:
        for listener in tuple(self.on_speech):
            listener(event)
