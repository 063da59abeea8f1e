"""What came of an avatar and waits to be taken: old media is dropped, what is told never."""

import asyncio
import logging
from collections import deque

from av import AudioFrame, VideoFrame

from server.voice_messages import PlaybackFinished, PlaybackStarted

logger = logging.getLogger(__name__)

# Media in real time for half a second: 12 pictures and 25 packets.
_MAX_MEDIA = 40

Received = VideoFrame | AudioFrame | PlaybackStarted | PlaybackFinished


class AvatarError(Exception):
    """The server refused, or is gone; says what it said."""


class Inbox:
    """Keeps what comes in its order, of media the newest only. ``dropped`` counts the rest.

    Of messages there are two an utterance, and agents wait for each: none is ever dropped.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[Received | AvatarError] = deque()
        self._arrived = asyncio.Event()

    def put(self, received: Received | AvatarError) -> None:
        """Add it."""
        self._waiting.append(received)
        self._arrived.set()
        media = [index for index, waits in enumerate(self._waiting) if _is_media(waits)]
        if len(media) > _MAX_MEDIA:
            del self._waiting[media[0]]
            self._count_dropped()

    async def take(self) -> Received:
        """What has waited the longest. Raises AvatarError in its turn."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        received = self._waiting.popleft()
        if isinstance(received, AvatarError):
            raise received
        return received

    def _count_dropped(self) -> None:
        self.dropped += 1
        if self.dropped == 1:
            logger.warning(
                "media is dropped: it is taken too slowly", extra={"max_waiting": _MAX_MEDIA}
            )


def _is_media(received: Received | AvatarError) -> bool:
    return isinstance(received, VideoFrame | AudioFrame)
