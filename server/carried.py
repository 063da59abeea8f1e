"""What the way to a receiver carries, by its reports and by what was sent there."""

from aiortc.rtp import RTP_HISTORY_SIZE, RtcpReceiverInfo

from server.sent_packets import SentPackets
from streaming import carried_rate
from streaming.carried_rate import CarriedConfig, CarriedState

REPORT_SEQUENCES = 1 << 32
"""Reports extend sequence numbers to 32 bits (RFC 3550 section 6.4.1)."""


class Carried:
    """Hears the reports of one receiver of ``sent``.

    ``bps``: so much of it the way carries, in bits per second; None while it is not full.
    """

    def __init__(self, sent: SentPackets) -> None:
        self.bps: float | None = None
        self._sent = sent
        self._config, self._state = CarriedConfig(), CarriedState()
        self._before: RtcpReceiverInfo | None = None

    @property
    def waited_s(self) -> float:
        """How long the newest packet that was reported had waited in the way."""
        return self._state.waited_s

    def add(self, report: RtcpReceiverInfo, now_s: float) -> None:
        """Let ``bps`` tell what the way carries by now."""
        before, delay_s = self._before, self._sent.age_s(report.highest_sequence)
        if before is None:
            self._before = report
            return
        end = report.highest_sequence + 1
        packets = (report.highest_sequence - before.highest_sequence) % REPORT_SEQUENCES
        if not 0 < packets < REPORT_SEQUENCES // 2:
            # There are reports for other reasons than that something has arrived, and late ones.
            return
        self._before = report
        if delay_s is None or packets > RTP_HISTORY_SIZE:
            # Of so much it is not known what it was, nor when: what follows is measured anew.
            self.bps, self._state.since_s, self._state.waited_s = None, None, 0.0
            return
        # What comes twice makes it negative.
        lost = min(max(report.packets_lost - before.packets_lost, 0), packets)
        arrived = packets - lost
        arrived_bytes = self._sent.payload_bytes(end - packets, end) * arrived / packets
        self.bps = carried_rate.note_arrivals(
            self._config, self._state, delay_s, arrived_bytes, arrived, now_s
        )
