"""One viewer of a performance: a connection that only receives (WHEP)."""

import asyncio
import logging

from server import logs, sdp
from server.broadcast import MAX_CATCH_UP_FRAMES, Rendition, Seat
from server.peer import Peer
from server.performance import Performance
from server.services import Services
from server.tracks import picture_track, voice_track

logger = logging.getLogger(__name__)


class Viewer:
    """``answer`` once, then ``run`` until it goes; ``end`` at any time. Create it on the loop.

    ``packed``: it gets only the person, with alpha (see Rendition).
    """

    def __init__(
        self, viewer_id: str, services: Services, performance: Performance, *, packed: bool = False
    ) -> None:
        self.id = viewer_id
        self.performance = performance
        self.peer = Peer(services.config, self.end)
        performance.on_end.add(self.end)
        self._connect_timeout_s = services.config.call.connect_timeout_s
        self._packed = packed
        self._over = asyncio.Event()
        self._seat: Seat | None = None

    async def answer(self, offer: sdp.Offer) -> str:
        """Return the SDP answer. After an error, ``discard``.

        Raises Problem 422 for an offer that cannot be negotiated.
        """
        codec = offer.video_codec
        seat = Seat(
            None if codec is None else Rendition(codec, self._packed),
            picture_track(MAX_CATCH_UP_FRAMES),
            voice_track() if offer.has_audio else None,
        )
        connection = self.peer.connection
        if seat.voice_track is not None:
            voice = connection.addTransceiver(seat.voice_track, "sendonly")
            voice.setCodecPreferences(sdp.opus_preferences())
        if codec is not None:
            picture = connection.addTransceiver(seat.picture_track, "sendonly")
            picture.setCodecPreferences(sdp.codec_preferences(codec))
        answer = await self.peer.answer(offer)
        self._seat = seat
        return answer

    async def discard(self) -> None:
        """Close a connection that got no answer."""
        self.performance.on_end.discard(self.end)
        await self.peer.close()

    def end(self) -> None:
        """Let ``run`` end."""
        self._over.set()

    async def run(self) -> None:
        """Watch until the viewer goes, does not come, or is ended."""
        logs.bind_session(self.id)
        assert self._seat is not None
        going = asyncio.create_task(self._over.wait())
        coming = asyncio.create_task(self.peer.connected.wait())
        try:
            await asyncio.wait(
                [going, coming],
                timeout=self._connect_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self.peer.connected.is_set():
                logger.info("viewer came", extra={"avatar": self.performance.name})
                self.performance.broadcast.take_seat(self._seat)
                await going
        finally:
            self.performance.broadcast.leave_seat(self._seat)
            self.performance.on_end.discard(self.end)
            going.cancel()
            coming.cancel()
            await self.peer.close()
            logger.info("viewer gone", extra={"avatar": self.performance.name})
