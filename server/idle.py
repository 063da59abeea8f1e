"""Noticing that nobody is at the other end of a call, though its connection stands."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# About -50 dB of full scale: a quiet room after the browser's noise suppression is below.
_SILENT_RMS = 100.0


class IdleWatch:
    """Knows when the last sign of somebody came: sound above silence, or a wish.

    A call is abandoned ``idle_timeout_s`` after it, and already ``no_microphone_timeout_s`` after
    it once the browser has ended its microphone track, for then nobody can be heard any more.
    ``clock`` gives monotonic seconds.
    """

    def __init__(
        self,
        idle_timeout_s: float,
        no_microphone_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = idle_timeout_s
        self._no_microphone_timeout_s = no_microphone_timeout_s
        self._clock = clock
        self._last_sign_s = clock()
        self._microphone_ended = asyncio.Event()

    @property
    def left_s(self) -> float:
        """Seconds until the call counts as abandoned, if no sign comes."""
        return self._last_sign_s + self._timeout_s - self._clock()

    def note_wish(self) -> None:
        """Somebody used a control."""
        self._last_sign_s = self._clock()

    def note_sound(self, pcm: NDArray[np.int16]) -> None:
        """Sound came, (samples, channels); silence is no sign, however long it lasts."""
        if pcm.size and np.sqrt(np.mean(np.square(pcm, dtype=np.float32))) > _SILENT_RMS:
            self._last_sign_s = self._clock()

    def note_microphone_ended(self) -> None:
        """From now on no sound can come."""
        self._timeout_s = min(self._timeout_s, self._no_microphone_timeout_s)
        self._last_sign_s = self._clock()
        self._microphone_ended.set()

    async def until_abandoned(self) -> None:
        """Return when the call is abandoned; sleeps until then, and once more after each sign."""
        while (left_s := self.left_s) > 0:
            if self._microphone_ended.is_set():
                await asyncio.sleep(left_s)
                continue
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the event,
            # and a microphone often ends because the call does.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._microphone_ended.wait()
