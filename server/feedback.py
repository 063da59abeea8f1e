"""What a receiver says, by RTCP, of the pictures it is sent; aiortc keeps most of it to itself.

Who has lost a picture for good asks for a key frame (PLI, RFC 4585 section 6.3.1; FIR, RFC 5104
section 4.3.1). Estimates and losses choose the bitrate: see `streaming.rate_ladder`.
"""

# ruff: noqa: SLF001 - aiortc has no way in for this: what it makes of feedback is for its own encoders.

import time
from collections.abc import Callable
from typing import Protocol

from aiortc import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from server.config import VideoConfig
from server.metrics import Metrics
from streaming import rate_ladder
from streaming.rate_ladder import ladder_config

# Long enough for key frames to be no more than their share of it.
_MEASURE_S = 2.0
_FRACTION = 256
"""Receiver reports count what was lost in 1/256 of what was expected (RFC 3550 section 6.4.1)."""


class PictureReceiver(Protocol):
    """Where pictures go, as far as feedback changes them."""

    @property
    def sent_bytes(self) -> int:
        """How much has been sent there, in all."""
        ...

    def request_keyframe(self) -> None:
        """Make the next picture a key frame: one before it was lost."""
        ...

    def change_rung(self, rung: int) -> None:
        """Give pictures the bitrate of this rung of `streaming.rate_ladder`."""
        ...


class PictureFeedback:
    """Hears one receiver, from ``listen_to`` on. ``clock`` gives monotonic seconds."""

    def __init__(
        self, video: VideoConfig, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ladder = ladder_config(video.bitrate_kbps * 1000)
        self._state = rate_ladder.initial_state(self._ladder, clock())
        self._metrics = metrics
        self._clock = clock
        self._measured_s, self._measured_bytes = clock(), 0
        self._sent_bps = 0.0

    @property
    def rung(self) -> int:
        """How often the bitrate was made half: 0 is the full one."""
        return self._state.rung

    def listen_to(self, sender: RTCRtpSender, receiver: PictureReceiver) -> None:
        """Let what comes for ``sender`` change what is sent to ``receiver``."""
        handle = sender._handle_rtcp_packet

        async def heed_and_handle(packet: AnyRtcpPacket) -> None:
            self.heed(packet, sender._ssrc, receiver)
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
                        lost = report.fraction_lost / _FRACTION
                        rate_ladder.note_loss(self._ladder, self._state, lost, now_s)
            case RtcpPsfbPacket() if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self._metrics.pictures_lost.inc()
                receiver.request_keyframe()
            case RtcpPsfbPacket() if packet.fmt == RTCP_PSFB_APP:
                if (bps := _estimate(packet, ssrc)) is not None:
                    rate_ladder.note_estimate(self._ladder, self._state, bps, self._sent_bps, now_s)
        if self._state.rung != before:
            self._metrics.rung_changes.inc()
            receiver.change_rung(self._state.rung)

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
