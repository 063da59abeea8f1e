"""What a microphone sends, heard as it arrives: no packet waits for another.

aiortc's jitter buffer holds a fixed number of packets, drops good ones around each that is lost,
and keeps what it then holds more, as latency, for ever. A stream needs none: it places sound where
its pts says, in any order (`streaming.microphone`), and its playout delay is its patience.
"""

from typing import Any

from aiortc import rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

_WRAP = 1 << 32


class Arrivals:
    """In the place of a jitter buffer of sound, of which each packet is a frame (RFC 7587)."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame]:
        """Return that no key frame is missing, and the packet's frame."""
        return False, JitterFrame(data=packet.payload, timestamp=packet.timestamp)


class Timestamps:
    """Counts from the first RTP timestamp on, which may wrap (RFC 3550 section 5.1).

    aiortc's own takes each packet that was overtaken for a wrap: 24 hours too late.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._count = 0

    def map(self, timestamp: int) -> int:
        """Return how far ``timestamp`` is from the first one."""
        if self._last is not None:
            self._count += (timestamp - self._last + _WRAP // 2) % _WRAP - _WRAP // 2
        self._last = timestamp
        return self._count


def _buffer(capacity: int, prefetch: int = 0, is_video: bool = False) -> JitterBuffer | Arrivals:
    return JitterBuffer(capacity, prefetch, is_video) if is_video else Arrivals()


def install() -> None:
    """Let aiortc receive sound so: it has no option for it, but names that can be bound anew."""
    receiver: Any = rtcrtpreceiver
    receiver.JitterBuffer = _buffer
    receiver.TimestampMapper = Timestamps
