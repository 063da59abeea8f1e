"""What a receiver says, by RTCP, of the pictures it is sent; aiortc keeps most of it to itself.

Who has lost a picture for good asks for a key frame (PLI, RFC 4585 section 6.3.1; FIR, RFC 5104
section 4.3.1). Estimates and losses choose the bitrate: see `streaming.rate_ladder`.
"""

# ruff: noqa: SLF001 - aiortc has no way in for this: what it makes of feedback is for its own encoders.

import math
import time
from collections.abc import Callable
from typing import Protocol

from aiortc import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from server.carried import REPORT_SEQUENCES, Carried
from server.config import VideoConfig
from server.metrics import Metrics
from server.sent_packets import SentPackets
from streaming import rate_ladder
from streaming.rate_ladder import ladder_config

# Long enough for key frames to be no more than their share of it.
_MEASURE_S = 2.0
# A report comes with each request for a packet, and then tells of a few packets only. And where 3 %
# are lost, 5 of 40 are every half minute, but 16 of 150 hardly ever.
_JUDGED_PACKETS = 150
# Of the bitrate of a rung: what may be sent again, and what is in a packet.
_RESENT, _PACKET_BYTES = 0.3, 1200
# A way takes so many times as long to empty as a packet waited in it, as voice goes on.
_EMPTIES, _MAX_PAUSE_MS = 1.3, 500.0


class PictureReceiver(Protocol):
    """Where pictures go, as far as feedback changes them."""

    @property
    def sent_bytes(self) -> int:
        """How much has been sent there, in all."""
        ...

    def request_keyframe(self) -> None:
        """Make the next picture a key frame: one before it was lost."""
        ...

    def change_rung(self, rung: int, pause_ms: float = 0) -> None:
        """Give pictures the bitrate of this rung of `streaming.rate_ladder`.

        Send none for about ``pause_ms``; of those of a higher bitrate none at all.
        """
        ...


class Losses:
    """What share of the packets was lost, by a receiver's reports of all that it got."""

    def __init__(self) -> None:
        self._before: RtcpReceiverInfo | None = None

    def add(self, report: RtcpReceiverInfo) -> float | None:
        """Return the share 0..1 of the last ``_JUDGED_PACKETS`` or more, once there are so many."""
        before = self._before
        if before is None:
            self._before = report
            return None
        expected = (report.highest_sequence - before.highest_sequence) % REPORT_SEQUENCES
        # One that was overtaken by the next is behind it.
        if not _JUDGED_PACKETS <= expected < REPORT_SEQUENCES // 2:
            return None
        self._before = report
        # What comes twice makes it negative.
        return max(report.packets_lost - before.packets_lost, 0) / expected


class PictureFeedback:
    """Hears one receiver, from ``listen_to`` on. ``clock`` gives monotonic seconds."""

    def __init__(
        self, video: VideoConfig, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ladder = ladder_config(video.bitrate_kbps * 1000)
        self._state = rate_ladder.initial_state(self._ladder, clock())
        self._metrics = metrics
        self._clock = clock
        self._losses = Losses()
        self._resends, self._refilled_s = 0.0, clock() - 1.0
        self._measured_s, self._measured_bytes = clock(), 0
        self._sent_bps = 0.0
        self._sent = SentPackets({})
        self._carried = Carried(self._sent)
        self._fell_s = -math.inf

    @property
    def rung(self) -> int:
        """How often the bitrate was made half: 0 is the full one."""
        return self._state.rung

    def listen_to(self, sender: RTCRtpSender, receiver: PictureReceiver) -> None:
        """Let what comes for ``sender`` change what is sent to ``receiver``."""
        handle = sender._handle_rtcp_packet
        self._sent = SentPackets.of(sender)
        self._carried = Carried(self._sent)

        async def heed_and_handle(packet: AnyRtcpPacket) -> None:
            self.heed(packet, sender._ssrc, receiver)
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
                packet.lost = self.resendable(packet.lost)
                self._sent.stamp_anew(packet.lost)
            await handle(packet)

        sender._handle_rtcp_packet = heed_and_handle  # type: ignore[method-assign]

    def heed(self, packet: AnyRtcpPacket, ssrc: int, receiver: PictureReceiver) -> None:
        """Act on what ``packet`` says of the stream ``ssrc``; it may speak of others, too."""
        before, now_s = self._state.rung, self._clock()
        self._measure(receiver.sent_bytes, now_s)
        match packet:
            case RtcpRrPacket() | RtcpSrPacket():
                for report in packet.reports:
                    if report.ssrc == ssrc:
                        self._note_report(report, now_s)
            case RtcpPsfbPacket() if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self._metrics.pictures_lost.inc()
                receiver.request_keyframe()
            case RtcpPsfbPacket() if packet.fmt == RTCP_PSFB_APP:
                if (bps := _estimate(packet, ssrc)) is not None:
                    rate_ladder.note_estimate(
                        self._ladder, self._state, bps, self._sent_bps, now_s, self._carried.bps
                    )
        if self._state.rung != before:
            # What was sent before is no measure of what is sent now.
            self._measured_s, self._measured_bytes = now_s, receiver.sent_bytes
            self._sent_bps = 0.0
            self._metrics.rung_changes.inc()
            receiver.change_rung(self._state.rung, self._pause_ms(before, now_s))

    def resendable(self, lost: list[int]) -> list[int]:
        """Return which of the packets are of use if sent again, and may be sent now.

        aiortc sends all again that is asked for, each time; a way that is full is then never free.
        """
        now_s, rate_bps = self._clock(), self._ladder.rates_bps[self._state.rung]
        per_s = _RESENT * rate_bps / (8 * _PACKET_BYTES)
        gained = (now_s - self._refilled_s) * per_s
        # At the lowest bitrates a second is worth less than one packet.
        self._resends, self._refilled_s = min(self._resends + gained, max(1.0, per_s)), now_s
        useful = [number for number in lost if self._is_useful(number, now_s)]
        allowed = useful[: int(self._resends)]
        self._resends -= len(allowed)
        self._metrics.resends_refused.inc(len(lost) - len(allowed))
        return allowed

    def _pause_ms(self, before: int, now_s: float) -> float:
        if self._state.rung < before:
            return 0.0
        self._fell_s = now_s
        # What waits in the way is to leave it first: voice is behind it, too.
        return min(1000 * _EMPTIES * self._carried.waited_s, _MAX_PAUSE_MS)

    def _is_useful(self, number: int, now_s: float) -> bool:
        age_s = self._sent.age_s(number)
        # Since its bitrate fell, a picture begins anew: with a key frame.
        return age_s is not None and now_s - age_s > self._fell_s

    def _note_report(self, report: RtcpReceiverInfo, now_s: float) -> None:
        self._carried.add(report, now_s)
        if (lost := self._losses.add(report)) is not None:
            rate_ladder.note_loss(self._ladder, self._state, lost, now_s)

    def _measure(self, sent_bytes: int, now_s: float) -> None:
        elapsed_s = now_s - self._measured_s
        if elapsed_s >= _MEASURE_S:
            self._sent_bps = 8 * (sent_bytes - self._measured_bytes) / elapsed_s
            self._measured_s, self._measured_bytes = now_s, sent_bytes


def _estimate(packet: RtcpPsfbPacket, ssrc: int) -> int | None:
    try:
        bps, ssrcs = unpack_remb_fci(packet.fci)
    except ValueError:
        # Application layer feedback of another kind than REMB.
        return None
    return bps if ssrc in ssrcs else None
