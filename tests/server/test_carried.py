"""What reports tell of a way, of packets whose times the test makes."""

import pytest
from aiortc.rtp import RTP_HISTORY_SIZE, RtcpReceiverInfo

from server.carried import Carried
from server.sent_packets import SentPackets

PACKET_BYTES = 1000


class Sent(SentPackets):
    """Every packet has 1,000 bytes and was sent ``ages_s`` ago, or is not known."""

    ages_s: dict[int, float]

    def __init__(self) -> None:
        super().__init__({})
        object.__setattr__(self, "ages_s", {})

    def age_s(self, number: int) -> float | None:
        return self.ages_s.get(number)

    def payload_bytes(self, first: int, end: int) -> int:
        return PACKET_BYTES * (end - first)


class Reports:
    """Reports of one receiver, a tenth of a second apart."""

    def __init__(self, first: int = 100) -> None:
        self.sent = Sent()
        self.carried = Carried(self.sent)
        self.highest, self.lost, self.now_s = first, 0, 0.0
        for _ in range(3):
            self.add(10, age_s=0.05)

    def add(self, packets: int, age_s: float | None, lost: int = 0) -> float | None:
        self.now_s += 0.1
        self.highest = (self.highest + packets) % (1 << 32)
        self.lost += lost
        if age_s is not None:
            self.sent.ages_s[self.highest] = age_s
        report = RtcpReceiverInfo(1, 0, self.lost, self.highest, 0, 0, 0)
        self.carried.add(report, self.now_s)
        return self.carried.bps


@pytest.mark.parametrize("first", [100, (1 << 32) - 45])
def test_a_full_way_carries_what_arrives(first: int) -> None:
    reports = Reports(first)
    assert reports.carried.bps is None
    reports.add(10, age_s=0.25)
    assert reports.add(5, age_s=0.25) == pytest.approx(8 * 5 * PACKET_BYTES / 0.1)
    assert reports.carried.waited_s == pytest.approx(0.2, abs=0.01)
    assert reports.add(10, age_s=0.05) is None


@pytest.mark.parametrize(("lost", "arrived"), [(2, 8), (-3, 10), (12, 0)])
def test_what_is_lost_does_not_arrive(lost: int, arrived: int) -> None:
    reports = Reports()
    reports.add(10, age_s=0.25)
    reports.add(10, age_s=0.25)
    reports.add(10, age_s=0.25, lost=lost)
    told = reports.carried.bps
    assert told == pytest.approx(8 * (10 + arrived) * PACKET_BYTES / 0.2)


def test_a_report_without_news_changes_nothing() -> None:
    reports = Reports()
    reports.add(10, age_s=0.25)
    before = reports.add(10, age_s=0.25)
    assert before is not None
    assert reports.add(0, age_s=0.35) == before
    assert reports.carried.waited_s == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("packets", "age_s"), [(RTP_HISTORY_SIZE + 1, 0.25), (10, None)])
def test_after_what_is_not_known_any_more_it_is_measured_anew(
    packets: int, age_s: float | None
) -> None:
    reports = Reports(1000)
    reports.add(10, age_s=0.25)
    assert reports.add(10, age_s=0.25) is not None
    assert reports.add(packets, age_s) is None
    assert reports.carried.waited_s == 0


def test_a_report_that_was_overtaken_changes_nothing() -> None:
    reports = Reports(1000)
    reports.add(10, age_s=0.25)
    before = reports.add(10, age_s=0.25)
    assert reports.add(-3, age_s=0.25) == before
    reports.add(13, age_s=0.25)
    assert reports.carried.bps == pytest.approx(8 * 20 * PACKET_BYTES / 0.3)
