"""One publisher: a connection whose microphone or programme a performance speaks (WHIP)."""

import asyncio
import logging
from typing import Any

from aiortc import MediaStreamTrack

from server import codec_preferences, ice_consent, logs, sdp
from server.peer import Peer
from server.performance import Performance, Source
from server.services import Services

logger = logging.getLogger(__name__)


class Publisher:
    """``answer`` once, then ``run`` until it goes; ``end`` at any time. Create it on the loop.

    It is the performance's voice from its creation on; raises Problem 409 when that has another.
    It goes by itself when nothing comes from it, not even silence, for
    ``call.no_microphone_timeout_s``, or 30 s if that is more: see ``ice_consent``.
    """

    def __init__(self, publisher_id: str, services: Services, performance: Performance) -> None:
        self.id = publisher_id
        self.performance = performance
        self._voice: Source = performance.take_voice(f"the publisher {publisher_id[:6]}...")
        self.peer = Peer(services.config, self.end, only_listens=True)
        performance.on_end.add(self.end)
        self.peer.connection.on("track", self._on_track)
        self._connect_timeout_s = services.config.call.connect_timeout_s
        self._no_sound_timeout_s = min(
            services.config.call.no_microphone_timeout_s, ice_consent.EXPIRY_S
        )
        self._over = asyncio.Event()
        self._track: MediaStreamTrack | None = None

    async def answer(self, offer: sdp.Description) -> str:
        """Return the SDP answer. After an error, ``discard``.

        Raises Problem 422 for an offer that cannot be negotiated.
        """
        audio = self.peer.connection.addTransceiver("audio", "recvonly")
        audio.setCodecPreferences(codec_preferences.for_voice(redundant=offer.has_redundancy))
        return await self.peer.answer(offer, ignored="video")

    async def discard(self) -> None:
        """Close a connection that got no answer."""
        self._voice.release()
        self.performance.on_end.discard(self.end)
        await self.peer.close()

    def end(self) -> None:
        """Let ``run`` end."""
        self._over.set()

    async def run(self) -> None:
        """Be the voice until the publisher goes, does not come, or is ended."""
        logs.bind_session(self.id)
        going = asyncio.create_task(self._over.wait())
        coming = asyncio.create_task(self.peer.connected.wait())
        tasks: list[asyncio.Task[Any]] = [going, coming]
        try:
            await asyncio.wait(
                tasks, timeout=self._connect_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if self.peer.connected.is_set() and self._track is not None:
                logger.info("publisher came", extra={"avatar": self.performance.name})
                await self._speak(going, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._voice.release()
            self.performance.on_end.discard(self.end)
            await self.peer.close()
            logger.info("publisher gone", extra={"avatar": self.performance.name})

    async def _speak(self, going: asyncio.Task[Any], tasks: list[asyncio.Task[Any]]) -> None:
        assert self._track is not None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._no_sound_timeout_s) as patience:

                def renew(_: object) -> None:
                    patience.reschedule(loop.time() + self._no_sound_timeout_s)

                tasks.append(asyncio.create_task(self.performance.listen(self._track, renew)))
                await asyncio.wait([going, tasks[-1]], return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            logger.info("publisher sends nothing", extra={"for_s": self._no_sound_timeout_s})

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._track = track
