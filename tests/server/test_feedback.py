"""What receivers report, as packets of RTCP, and from a peer of its own."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from aiortc import RTCRtpSender
from aiortc.clock import current_ntp_time
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTP_HISTORY_SIZE,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtpPacket,
    pack_remb_fci,
)

from server import messages
from server.config import VideoConfig
from server.feedback import PictureFeedback, _stamp_anew
from server.metrics import Metrics
from tests.server.caller import Caller, RemotePeer, Watcher
from tests.server.conftest import Serve

OURS, OTHER = 1234, 5678
FULL_BPS = VideoConfig().bitrate_kbps * 1000


@dataclass
class Receiver:
    """Counts what is asked of it, and is sent the full bitrate."""

    sent_bytes: int = 0
    keyframes: int = 0
    rungs: list[int] = field(default_factory=list)

    def request_keyframe(self) -> None:
        self.keyframes += 1

    def change_rung(self, rung: int) -> None:
        self.rungs.append(rung)


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


def test_what_is_sent_again_is_a_share_of_what_is_sent() -> None:
    told = Told()
    asked = 0
    for _ in range(1000):
        told.now_s += 0.01
        asked += told.feedback.may_resend(10) * 10
    # 1,500 kbit/s are 156 packets of 1,200 bytes a second.
    assert asked / 10 == pytest.approx(0.3 * 156, rel=0.15)
    assert told.count("resends_refused") == 10 * 1000 - asked
    told.now_s += 60
    assert told.feedback.may_resend(40)


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


def test_what_is_sent_again_says_when() -> None:
    packet = RtpPacket(sequence_number=70_000 % (1 << 16))
    packet.extensions.abs_send_time = 1
    sender = SimpleNamespace(
        _RTCRtpSender__rtp_history={packet.sequence_number % RTP_HISTORY_SIZE: packet}
    )
    _stamp_anew(cast(RTCRtpSender, sender), [packet.sequence_number, 3])
    # 24 bits: 6 of seconds, and 18 of their fraction.
    sent = packet.extensions.abs_send_time
    assert sent is not None
    assert (current_ntp_time() >> 14) % (1 << 24) - sent < 10 << 18


async def send(peer: RemotePeer, packet: RtcpPsfbPacket) -> None:
    dtls = peer.peer.getTransceivers()[0].receiver.transport
    await dtls._send_rtp(bytes(packet))


def picture_ssrc(peer: RemotePeer) -> int:
    """What the server sends its pictures with."""
    answer = peer.peer.remoteDescription.sdp
    video = answer[answer.index("m=video") :]
    return int(video.split("a=ssrc:")[1].split()[0])


async def test_a_browser_that_lost_a_picture_is_heard(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until(lambda: len(caller.pictures) > 5)
        lost = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=picture_ssrc(caller))
        metrics = running.server.services.metrics
        before = metrics.pictures_lost._value.get()
        await send(caller, lost)
        seen = len(caller.pictures)
        await caller.until(lambda: len(caller.pictures) > seen + 5)
        assert metrics.pictures_lost._value.get() == before + 1


async def test_a_viewer_that_lost_a_picture_is_heard(serve: Serve) -> None:
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        async with Watcher(running.http, "first") as watcher:
            await watcher.connect()
            await watcher.until(lambda: len(watcher.pictures) > 5)
            lost = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=picture_ssrc(watcher))
            await send(watcher, lost)
            seen = len(watcher.pictures)
            await watcher.until(lambda: len(watcher.pictures) > seen + 5)
            assert running.server.services.metrics.pictures_lost._value.get() >= 1


async def test_a_caller_on_a_narrow_way_is_told_that_its_picture_is_coarser(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        rung = 0
        while rung == 0:
            await send(caller, estimate(picture_ssrc(caller), 1000))
            stats = await caller.until_message(messages.Stats)
            assert isinstance(stats, messages.Stats)
            rung = stats.rung
        assert rung == 3
        seen = len(caller.pictures)
        await caller.until(lambda: len(caller.pictures) > seen + 5)
