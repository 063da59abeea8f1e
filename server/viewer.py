"""One viewer of a performance: a connection that only receives (WHEP)."""

import asyncio
import logging

from aiortc import RTCRtpSender

from server import codec_preferences, counter_offer, logs, sdp
from server.broadcast import MAX_CATCH_UP_FRAMES, Rendition, Seat, SeatReceiver
from server.feedback import PictureFeedback
from server.peer import Peer
from server.performance import Performance
from server.services import Services
from server.tracks import PacketTrack, picture_track, voice_track

logger = logging.getLogger(__name__)


class Viewer:
    """``answer`` or ``offer`` once, then ``run`` until it goes; ``end`` at any time.

    Create it on the loop. From then on it has a place in the audience.

    ``packed``: it gets only the person, with alpha (see Rendition).
    """

    def __init__(
        self, viewer_id: str, services: Services, performance: Performance, *, packed: bool = False
    ) -> None:
        self.id = viewer_id
        self.performance = performance
        self.peer = Peer(services.config, self.end)
        self._feedback = PictureFeedback(services.config.video, services.metrics)
        performance.on_end.add(self.end)
        performance.broadcast.coming.add(viewer_id)
        self._connect_timeout_s = services.config.call.connect_timeout_s
        self._packed = packed
        self._over = asyncio.Event()
        self._seat: Seat | None = None

    async def answer(self, offer: sdp.Description) -> str:
        """Return the SDP answer. After an error, ``discard``.

        Raises Problem 422 for an offer that cannot be negotiated.
        """
        codec = offer.video_codec
        pictures = picture_track(MAX_CATCH_UP_FRAMES)
        sound = voice_track() if offer.has_audio else None
        connection = self.peer.connection
        if sound is not None:
            voice = connection.addTransceiver(sound, "sendonly")
            voice.setCodecPreferences(codec_preferences.for_voice(redundant=offer.has_redundancy))
        if codec is not None:
            picture = connection.addTransceiver(pictures, "sendonly")
            picture.setCodecPreferences(codec_preferences.for_pictures(codec))
        answer = await self.peer.answer(offer)
        self._seat = Seat(self._rendition(codec), pictures, sound)
        if codec is not None:
            self._listen_to(picture.sender, pictures)
        return answer

    async def offer(self) -> str:
        """Return an SDP offer of all that can be sent; ``take_answer`` connects. Or ``discard``."""
        pictures, sound = picture_track(MAX_CATCH_UP_FRAMES), voice_track()
        connection = self.peer.connection
        voice = connection.addTransceiver(sound, "sendonly")
        voice.setCodecPreferences(codec_preferences.for_voice())
        picture = connection.addTransceiver(pictures, "sendonly")
        picture.setCodecPreferences(
            [codec for name in sdp.VideoCodec for codec in codec_preferences.for_pictures(name)]
        )
        offer = await self.peer.offer()
        self._seat = Seat(None, pictures, sound)
        self._listen_to(picture.sender, pictures)
        return counter_offer.only_multiplexed(offer)

    async def take_answer(self, body: bytes) -> None:
        """Connect by the SDP answer to ``offer``.

        Raises Problem: 400 no SDP, 409 none is waited for, 422 it cannot be sent to.
        """
        answer = sdp.check_answer(body)
        await self.peer.accept(answer)
        assert self._seat is not None
        self._seat.rendition = self._rendition(answer.video_codec)

    def _rendition(self, codec: sdp.VideoCodec | None) -> Rendition | None:
        return None if codec is None else Rendition(codec, self._packed)

    def _listen_to(self, sender: RTCRtpSender, pictures: PacketTrack) -> None:
        assert self._seat is not None
        receiver = SeatReceiver(self.performance.broadcast, self._seat, pictures)
        self._feedback.listen_to(sender, receiver)

    async def discard(self) -> None:
        """Close a connection that got no answer."""
        self._leave()
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
                self.performance.broadcast.coming.discard(self.id)
                self.performance.broadcast.take_seat(self._seat)
                await going
        finally:
            self.performance.broadcast.leave_seat(self._seat)
            self._leave()
            going.cancel()
            coming.cancel()
            await self.peer.close()
            logger.info("viewer gone", extra={"avatar": self.performance.name})

    def _leave(self) -> None:
        self.performance.broadcast.coming.discard(self.id)
        self.performance.on_end.discard(self.end)
