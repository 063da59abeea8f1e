"""Outgoing WebRTC tracks of packets that are coded already: what is put leaves at once."""

import asyncio
from fractions import Fraction
from typing import Protocol, TypeAlias

import av
import av.stream
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from model.rates import FRAME_MS
from server.encoders import VIDEO_TIME_BASE, VOICE_TIME_BASE
from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE, exact_div

# PyAV knows the type parameter in its stubs only.
AnyPacket: TypeAlias = "av.Packet[av.stream.Stream]"

# The sender takes packets as they come; a queue that grows means that it is stuck.
_QUEUE_MS = 200
_CHUNK_MS = exact_div(1000 * VOICE_CHUNK_SAMPLES, VOICE_RATE)


class PacketSink(Protocol):
    """Where coded packets go."""

    def put(self, data: bytes, pts: int) -> bool:
        """Take ``data``, stamped ``pts`` in its kind's time base; False if one was dropped."""
        ...

    @property
    def queued_packets(self) -> int:
        """How many packets wait to be taken on."""
        ...


class PacketTrack(MediaStreamTrack):
    """A track whose ``recv`` gives the packets handed to ``put``, in order.

    It holds at most ``queue_ms`` of media: then the oldest packet is dropped and counted in
    ``dropped_packets``. ``sent_bytes`` counts all that was put.
    """

    def __init__(self, kind: str, time_base: Fraction, packet_ms: int, queue_ms: int) -> None:
        super().__init__()
        self.kind = kind
        self.dropped_packets = 0
        self.sent_bytes = 0
        self.time_base = time_base
        self._queue: asyncio.Queue[AnyPacket] = asyncio.Queue(queue_ms // packet_ms)

    def put(self, data: bytes, pts: int) -> bool:
        """Send ``data`` now, stamped ``pts`` in the track's time base; False if one was dropped."""
        has_room = not self._queue.full()
        if not has_room:
            self._queue.get_nowait()
            self.dropped_packets += 1
        packet: AnyPacket = av.Packet(data)
        packet.pts = pts
        packet.time_base = self.time_base
        self._queue.put_nowait(packet)
        self.sent_bytes += len(data)
        return has_room

    @property
    def queued_packets(self) -> int:
        """How many packets the sender has not taken yet."""
        return self._queue.qsize()

    async def recv(self) -> AnyPacket:
        """Return the next packet; raises MediaStreamError once the track is stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        return await self._queue.get()


def voice_track() -> PacketTrack:
    """Opus packets of 20 ms, pts in 1/48000 s."""
    return PacketTrack("audio", VOICE_TIME_BASE, _CHUNK_MS, _QUEUE_MS)


def picture_track(burst_frames: int = 0) -> PacketTrack:
    """H.264 or VP8 pictures, pts in 1/90000 s; ``burst_frames`` may come at once."""
    return PacketTrack("video", VIDEO_TIME_BASE, FRAME_MS, _QUEUE_MS + burst_frames * FRAME_MS)
