"""What receivers report, as packets of RTCP."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from aiortc import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RTP_HISTORY_SIZE,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    pack_remb_fci,
)

from server.config import VideoConfig
from server.feedback import PictureFeedback
from server.metrics import Metrics
from server.sent_packets import SentPackets

OURS, OTHER = 1234, 5678
FULL_BPS = VideoConfig().bitrate_kbps * 1000


@dataclass
class Receiver:
    """Counts what is asked of it, and is sent the full bitrate."""

    sent_bytes: int = 0
    keyframes: int = 0
    rungs: list[int] = field(default_factory=list)
    pauses_ms: list[float] = field(default_factory=list)

    def request_keyframe(self) -> None:
        self.keyframes += 1

    def change_rung(self, rung: int, pause_ms: float = 0) -> None:
        self.rungs.append(rung)
        self.pauses_ms.append(pause_ms)


@dataclass
class Told:
    """Feedback of one receiver, in a time that the test makes pass."""

    now_s: float = 0.0
    receiver: Receiver = field(default_factory=Receiver)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.feedback = PictureFeedback(VideoConfig(), self.metrics, lambda: self.now_s)

    def tell(self, packet: AnyRtcpPacket, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.now_s += 1
            self.receiver.sent_bytes += FULL_BPS // 8
            self.feedback.heed(packet, OURS, self.receiver)

    def count(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"likeness_{name}_total")


def report(ssrc: int, highest: int, lost: int) -> RtcpRrPacket:
    """A report of all packets up to ``highest``, with one of the last few lost."""
    info = RtcpReceiverInfo(ssrc, 128, lost, highest, 0, 0, 0)
    return RtcpRrPacket(ssrc=1, reports=[info])


def estimate(ssrc: int, bps: int) -> RtcpPsfbPacket:
    return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=pack_remb_fci(bps, [ssrc]))


class Sending:
    """What aiortc sends with, and sends again, in the time of what it is ``told``."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.next = 0
        self.resent: list[int] = []
        self.history: dict[int, RtpPacket] = {}
        sender = SimpleNamespace(
            _ssrc=OURS, _handle_rtcp_packet=self._handle, _RTCRtpSender__rtp_history=self.history
        )
        told.feedback.listen_to(cast(RTCRtpSender, sender), told.receiver)
        self.hear = sender._handle_rtcp_packet

    async def _handle(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRtpfbPacket):
            self.resent += packet.lost

    def ntp_time(self) -> int:
        return round(self.told.now_s * 2**32)

    def pass_s(self, seconds: float, sizes: list[int]) -> None:
        """Let time pass, then send packets."""
        self.told.now_s += seconds
        self.told.receiver.sent_bytes += round(seconds * FULL_BPS / 8)
        for size in sizes:
            packet = RtpPacket(sequence_number=self.next, payload=bytes(size))
            packet.extensions.abs_send_time = (self.ntp_time() >> 14) % 2**24
            self.history[self.next % RTP_HISTORY_SIZE] = packet
            self.next += 1

    async def ask_for(self, numbers: Iterable[int]) -> None:
        await self.hear(RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, OURS, list(numbers)))

    async def fall(self, waited_s: float = 0.2) -> None:
        """Send to a way that is free, which then is not: what is heard of arrived so late."""
        for _ in range(50):
            self.pass_s(0.1, [1000] * 10)
            await self.hear(report(OURS, self.next - 1, 0))
            await self.hear(estimate(OURS, 2 * FULL_BPS))
        arrived = self.next - 1
        self.pass_s(0.1, [1000] * 4)
        self.pass_s(0.1, [1000] * 4)
        self.pass_s(waited_s - 0.1, [1000] * 10)
        await self.hear(report(OURS, arrived + 4, 0))
        self.pass_s(0.1, [1000] * 10)
        await self.hear(report(OURS, arrived + 8, 0))
        await self.hear(estimate(OURS, FULL_BPS))


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> Sending:
    told = Told()
    sending = Sending(told)
    monkeypatch.setattr("server.sent_packets.current_ntp_time", sending.ntp_time)
    return sending


@pytest.mark.parametrize("fmt", [RTCP_PSFB_PLI, RTCP_PSFB_FIR])
def test_who_lost_a_picture_is_heard_each_time(fmt: int) -> None:
    told = Told()
    told.tell(RtcpPsfbPacket(fmt=fmt, ssrc=1, media_ssrc=OURS), 3)
    assert told.receiver.keyframes == 3
    assert told.count("pictures_lost") == 3
    assert told.receiver.rungs == []


def test_a_way_that_carries_less_lowers_the_bitrate() -> None:
    told = Told()
    told.tell(estimate(OURS, FULL_BPS // 3), 4)
    assert told.receiver.rungs[0] == 2
    assert told.feedback.rung == told.receiver.rungs[-1]
    assert told.count("rung_changes") == len(told.receiver.rungs)
    assert told.receiver.keyframes == 0


@pytest.mark.parametrize(("lost", "falls"), [(0.03, False), (0.2, True)])
@pytest.mark.parametrize("first", [1000, (1 << 32) - 500])
def test_losses_are_judged_by_many_packets(lost: float, falls: bool, first: int) -> None:
    # A report for every three packets, as those have that ask for one again.
    told = Told()
    for packets in range(0, 1500, 3):
        told.now_s += 0.03
        packet = report(OURS, (first + packets) % (1 << 32), round(lost * packets))
        told.feedback.heed(packet, OURS, told.receiver)
    assert bool(told.receiver.rungs) is falls


def test_what_is_lost_by_chance_lowers_nothing() -> None:
    told, chance, lost = Told(), random.Random(0), 0
    for packets in range(3, 30_000, 3):
        told.now_s += 0.02
        lost += sum(chance.random() < 0.03 for _ in range(3))
        told.feedback.heed(report(OURS, packets, lost), OURS, told.receiver)
    assert told.receiver.rungs == []


def test_what_others_lose_is_not_ours() -> None:
    told = Told()
    for packets in range(0, 1000, 50):
        told.tell(report(OTHER, packets, packets // 2))
    assert told.receiver.rungs == []


async def test_what_is_sent_again_is_a_share_of_what_is_sent(sending: Sending) -> None:
    asked = 0
    for _ in range(1000):
        sending.pass_s(0.01, [1200] * 2)
        asked += 10
        await sending.ask_for(range(sending.next - 10, sending.next))
    # 1,500 kbit/s are 156 packets of 1,200 bytes a second.
    assert len(sending.resent) / 10 == pytest.approx(0.3 * 156, rel=0.15)
    assert sending.told.count("resends_refused") == asked - len(sending.resent)
    sending.pass_s(60, [1200] * 60)
    sending.resent.clear()
    await sending.ask_for(range(sending.next - 40, sending.next))
    assert sending.resent == list(range(sending.next - 40, sending.next))


async def test_the_lowest_bitrate_sends_again_still(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = sending.told
    feedback = PictureFeedback(VideoConfig(bitrate_kbps=200), told.metrics, lambda: told.now_s)
    monkeypatch.setattr(feedback._state, "rung", len(feedback._ladder.rates_bps) - 1)
    feedback._sent = SentPackets(sending.history)
    told.now_s += 10
    sending.pass_s(0.01, [1200])
    assert feedback.resendable([0]) == [0]
    assert feedback.resendable([0]) == []


async def test_feedback_of_another_kind_takes_no_turn(sending: Sending) -> None:
    sending.pass_s(1, [1200] * 100)
    # Transport-wide feedback, draft-holmer-rmcat-transport-wide-cc-extensions-01.
    await sending.hear(RtcpRtpfbPacket(15, 1, OURS, list(range(100))))
    sending.resent.clear()
    await sending.ask_for(range(40))
    assert sending.resent == list(range(40))


async def test_what_is_not_known_any_more_takes_no_turn(sending: Sending) -> None:
    sending.pass_s(1, [1200] * 200)
    await sending.ask_for([*range(60), 190, 191])
    assert sending.resent == [190, 191]


async def test_what_is_sent_again_says_when(sending: Sending) -> None:
    sending.pass_s(1, [1200])
    sending.pass_s(2, [1200])
    await sending.ask_for([0])
    first, second = (sending.history[number].extensions.abs_send_time for number in (0, 1))
    assert first == second


async def test_a_way_that_falls_is_seen_to_and_is_let_empty(sending: Sending) -> None:
    await sending.fall()
    assert sending.told.receiver.rungs == [3]
    # It waited for 200 ms, and voice goes on.
    assert sending.told.receiver.pauses_ms == pytest.approx([260], abs=10)


async def test_a_pause_has_an_end(sending: Sending) -> None:
    await sending.fall(waited_s=2.0)
    assert sending.told.receiver.pauses_ms == [500]


async def test_a_higher_bitrate_needs_no_pause(sending: Sending) -> None:
    await sending.fall()
    receiver = sending.told.receiver
    while len(receiver.rungs) < 2:
        sending.pass_s(0.5, [1000] * 5)
        await sending.hear(estimate(OURS, 2 * FULL_BPS))
    assert receiver.rungs == [3, 2]
    assert receiver.pauses_ms[1] == 0


async def test_what_was_sent_before_a_fall_is_not_sent_again(sending: Sending) -> None:
    await sending.fall()
    before = sending.next
    sending.pass_s(0.1, [1000] * 4)
    await sending.ask_for(range(before - 20, sending.next))
    assert sending.resent == list(range(before, before + 4))


async def test_what_was_sent_before_a_rise_is_sent_again(sending: Sending) -> None:
    await sending.fall()
    while len(sending.told.receiver.rungs) < 2:
        before = sending.next
        sending.pass_s(0.5, [1000] * 5)
        await sending.hear(estimate(OURS, 2 * FULL_BPS))
    await sending.ask_for([before])
    assert sending.resent == [before]


@pytest.mark.parametrize(
    "packet",
    [
        report(OTHER, 100, 50),
        report(OURS, 100, 0),
        estimate(OTHER, 1000),
        estimate(OURS, 2 * FULL_BPS),
        RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=OURS, fci=b"LNTF" + bytes(8)),
        RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=OURS, fci=b""),
    ],
)
def test_what_is_no_complaint_of_ours_changes_nothing(packet: AnyRtcpPacket) -> None:
    told = Told()
    told.tell(packet, 60)
    assert told.receiver.rungs == []
    assert told.receiver.keyframes == 0
