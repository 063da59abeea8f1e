"""Playout: every frame leaves with its sound, at the time the clock gives them."""

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from model.rates import FRAME_MS
from streaming.clock import SessionClock
from streaming.microphone import Microphone
from streaming.rates import (
    VIDEO_CLOCK_RATE,
    VIDEO_TICKS_PER_FRAME,
    VOICE_CHUNK_SAMPLES,
    VOICE_SAMPLES_PER_FRAME,
)

T = TypeVar("T")

REMEMBERED_CHUNKS = 50
"""Whose release is remembered, for the skew of a late frame: a second of voice."""


@dataclass(frozen=True, eq=False)
class VoiceChunk:
    """20 ms of the avatar's voice."""

    pts: int
    """In 1/48000 s since the session began."""
    pcm: NDArray[np.int16]
    """(960, 1) at 48 kHz."""


@dataclass(frozen=True)
class DueFrame(Generic[T]):
    """A frame whose time has come."""

    index: int
    pts: int
    """In 1/90000 s since the session began: when its slot began, or when it was ready if that was
    later. A player learns from each packet what timestamp stands for what moment: RTCP sender
    reports (RFC 3550 section 6.4.1) tell when it left. A late picture with the stamp of its slot
    would make all pictures after it late."""
    frame: T
    superseded: bool
    """Its slot has passed and a newer one follows at once: do not show it. If it is encoded, send
    it all the same, since the frames after it are predicted from it."""


@dataclass(frozen=True)
class Due(Generic[T]):
    """What must leave now, in this order, sound and picture together."""

    voice: list[VoiceChunk] = field(default_factory=list)
    frames: list[DueFrame[T]] = field(default_factory=list)


class Playout(Generic[T]):
    """Releases voice and frames when they are due: at `clock.time_of(position)` plus the delay.

    Voice always leaves on time: what has not arrived by then is made up, or silence. A frame has a
    slot of 40 ms from its due time. Ready before it: on time. Ready within it: late, shown at once.
    Not ready at its end: the slot is a repeat of the frame before, and the frame, when it comes at
    last, is dropped: handed out as `superseded`, just before the next one that is shown. But a
    face must not freeze: if the frame on the screen is older by more than `max_frozen_ms`, the one
    that comes too late is late, too, and shown at once.
    """

    def __init__(
        self,
        clock: SessionClock,
        microphone: Microphone,
        delay_ms: float,
        max_behind_ms: float,
        max_frozen_ms: float,
    ) -> None:
        self.next_voice = 0
        self.on_time_frames = 0
        self.late_frames = 0
        self.repeated_frames = 0
        self.dropped_frames = 0
        self.skipped_voice_samples = 0
        self.av_skew_ms = 0.0
        self._clock = clock
        self._microphone = microphone
        self._delay_s = delay_ms / 1000
        self._max_behind_s = max_behind_ms / 1000
        self._waiting: deque[tuple[int, T, float]] = deque()
        self._held: list[tuple[int, T]] = []
        self._max_frozen_ms = max_frozen_ms
        self._last_pts = -1
        self._last_shown = -1
        self._slot = -1
        self._slot_shown = True
        self._released: OrderedDict[int, float] = OrderedDict()

    def due(self, position: int) -> float:
        """Return the `now` at which the sound at `position` leaves."""
        return self._clock.time_of(position) + self._delay_s

    def frame_due(self, index: int) -> float:
        """Return the `now` at which the slot of frame `index` begins."""
        return self.due(index * VOICE_SAMPLES_PER_FRAME)

    def slot_at(self, now: float) -> int:
        """Return the index of the frame whose slot it is."""
        return self._reached(now, VOICE_SAMPLES_PER_FRAME)

    def put(self, index: int, frame: T, now: float) -> None:
        """Queue a finished frame. Raises ValueError if a later one is queued already."""
        if self._waiting and index <= self._waiting[-1][0]:
            raise ValueError(
                f"frame {index} came after frame {self._waiting[-1][0]}: finish hops in order"
            )
        self._waiting.append((index, frame, now))

    def pop(self, now: float) -> Due[T]:
        """Return all that is due."""
        return Due(self._pop_voice(now), self._pop_frames(now))

    def next_due(self) -> float:
        """Return the `now` at which `pop` next has something."""
        voice_due = self.due(self.next_voice)
        return min(voice_due, self.frame_due(self._waiting[0][0])) if self._waiting else voice_due

    def _reached(self, now: float, step: int) -> int:
        """Return the largest n with due(n * step) <= now."""
        n = self._clock.position_at(now - self._delay_s) // step
        # Exactly as `due` computes it: a caller that wakes at `next_due` must find something.
        while self.due((n + 1) * step) <= now:
            n += 1
        while self.due(n * step) > now:
            n -= 1
        return n

    def _pop_voice(self, now: float) -> list[VoiceChunk]:
        if now - self.due(self.next_voice) > self._max_behind_s:
            current = self._reached(now, VOICE_CHUNK_SAMPLES) * VOICE_CHUNK_SAMPLES
            self.skipped_voice_samples += current - self.next_voice
            self.next_voice = current
        chunks = []
        while self.due(self.next_voice) <= now:
            pcm = self._microphone.voice(self.next_voice, VOICE_CHUNK_SAMPLES)
            chunks.append(VoiceChunk(self.next_voice, pcm[:, np.newaxis]))
            self._released[self.next_voice] = now
            self.next_voice += VOICE_CHUNK_SAMPLES
        while len(self._released) > REMEMBERED_CHUNKS:
            self._released.popitem(last=False)
        return chunks

    def _pop_frames(self, now: float) -> list[DueFrame[T]]:
        self._enter_slot(self.slot_at(now))
        frames: list[DueFrame[T]] = []
        while self._waiting and self._waiting[0][0] <= self._slot:
            index, frame, ready = self._waiting.popleft()
            self._held.append((index, frame))
            if index == self._slot or self._thaws(index, ready, now):
                self._show(index, ready, now)
                frames += self._release(ready)
            else:
                self.dropped_frames += 1
        return frames

    def _thaws(self, index: int, ready: float, now: float) -> bool:
        """Whether to show a frame after its slot: it is new, and nothing else has been shown."""
        is_newest = not self._waiting or self._waiting[0][0] > self._slot
        is_new = now - ready <= self._max_behind_s
        frozen_ms = (index - self._last_shown) * FRAME_MS
        return is_newest and is_new and frozen_ms > self._max_frozen_ms

    def _release(self, ready: float) -> list[DueFrame[T]]:
        """Hand out what is held: the last, ready at `ready`, is to be seen, none before it."""
        last = self._held[-1][0]
        late_s = max(0.0, ready - self.frame_due(last))
        pts = last * VIDEO_TICKS_PER_FRAME + math.floor(late_s * VIDEO_CLOCK_RATE)
        first = max(self._last_pts + 1, pts - len(self._held) + 1)
        frames = [
            DueFrame(index, first + i, frame, superseded=index < last)
            for i, (index, frame) in enumerate(self._held)
        ]
        self._held.clear()
        self._last_pts = frames[-1].pts
        return frames

    def _enter_slot(self, slot: int) -> None:
        """Count the slots that have passed without a frame of their own."""
        if slot > self._slot:
            self.repeated_frames += slot - self._slot - int(self._slot_shown)
            self._slot, self._slot_shown = slot, False

    def _show(self, index: int, ready: float, now: float) -> None:
        self._last_shown = index
        if not self._slot_shown:
            self._slot_shown = True
            if ready > self.frame_due(index):
                self.late_frames += 1
            else:
                self.on_time_frames += 1
        voice_released = self._released.get(index * VOICE_SAMPLES_PER_FRAME)
        if voice_released is not None:
            self.av_skew_ms = (now - voice_released) * 1000
