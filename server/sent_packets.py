"""The last packets that a sender has sent: aiortc keeps 128 of them, to itself."""

# ruff: noqa: SLF001 - aiortc has no way in for this.

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiortc import RTCRtpSender
from aiortc.clock import current_ntp_time
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

_SEQUENCES = 1 << 16
# abs-send-time, http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time: 6.18 bits of seconds.
_TICKS, _TICKS_PER_S = 1 << 24, 1 << 18


@dataclass(frozen=True)
class SentPackets:
    """The last packets by their sequence number, of which higher bits are left out."""

    history: Mapping[int, RtpPacket]

    @classmethod
    def of(cls, sender: RTCRtpSender) -> "SentPackets":
        """Return a view: it changes as ``sender`` sends."""
        private: Any = sender
        return cls(private._RTCRtpSender__rtp_history)

    def age_s(self, number: int) -> float | None:
        """Return how long ago it was sent, or sent again; None: that is not known any more."""
        packet = self._find(number)
        if packet is None or (sent := packet.extensions.abs_send_time) is None:
            return None
        return ((_now_ticks() - sent) % _TICKS) / _TICKS_PER_S

    def payload_bytes(self, first: int, end: int) -> int:
        """Return how much was in those from ``first`` up to, not with, ``end``.

        Those that are not known any more count as much as the others do.
        """
        known = [len(packet.payload) for packet in self._known(range(first, end))]
        return sum(known) * (end - first) // len(known) if known else 0

    def stamp_anew(self, numbers: Iterable[int]) -> None:
        """Let what is sent again say when that is: aiortc leaves the time of the first attempt in.

        Its receiver would take it for held up on the way, and estimate that as narrow.
        """
        for packet in self._known(numbers):
            packet.extensions.abs_send_time = _now_ticks()

    def _known(self, numbers: Iterable[int]) -> Iterator[RtpPacket]:
        return (packet for number in numbers if (packet := self._find(number)) is not None)

    def _find(self, number: int) -> RtpPacket | None:
        packet = self.history.get(number % RTP_HISTORY_SIZE)
        return packet if packet and packet.sequence_number == number % _SEQUENCES else None


def _now_ticks() -> int:
    return (current_ntp_time() >> 14) % _TICKS
