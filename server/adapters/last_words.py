"""Whether all that was said was heard: who ends waits for that, but not for ever."""

import asyncio
import logging

logger = logging.getLogger(__name__)

# What is told of an utterance overtakes its sound by what WebRTC's buffers hold.
_BEHIND_S = 0.5
# Longer than what was said lasts: the server's playout delay and a slow network.
_GRACE_S = 5.0


class LastWords:
    """Numbers utterances as the server does, from 1. For the event loop."""

    def __init__(self, sample_rate: int) -> None:
        self.is_open = False
        self._sample_rate = sample_rate
        self._last = 0
        # When what was said will have been, if it is spoken without a pause; and when it was told.
        self._lasts_until_s = 0.0
        self._heard_at_s = float("-inf")
        self._all_heard = asyncio.Event()
        self._all_heard.set()

    def say(self, pcm: bytes) -> None:
        """16-bit mono sound was given: of a new utterance, if none is open."""
        if not pcm:
            return
        if not self.is_open:
            self._last += 1
            self.is_open = True
            self._all_heard.clear()
        begins_s = max(self._lasts_until_s, asyncio.get_running_loop().time())
        self._lasts_until_s = begins_s + len(pcm) / 2 / self._sample_rate

    def end(self) -> None:
        """The utterance is complete."""
        self.is_open = False

    def clear(self) -> None:
        """All that was said is forgotten, or nobody will tell of it any more."""
        self.is_open = False
        self._lasts_until_s = 0.0
        self._all_heard.set()

    def finish(self, number: int) -> None:
        """The server tells that this utterance was heard, or cut off."""
        if number >= self._last:
            self.is_open = False
            self._heard_at_s = asyncio.get_running_loop().time()
            self._all_heard.set()

    async def wait(self) -> None:
        """Wait until the last utterance was heard; when that takes too long, it is logged."""
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(max(0.0, self._lasts_until_s - now()) + _GRACE_S):
                await self._all_heard.wait()
        except TimeoutError:
            logger.warning("not all that was said was heard in time: it is cut off")
            return
        await asyncio.sleep(self._heard_at_s + _BEHIND_S - now())
