"""What a way carries, told by the reports of a receiver at its end, in a time that a test makes."""

from dataclasses import dataclass, field

import pytest

from streaming import carried_rate
from streaming.carried_rate import CarriedConfig, CarriedState

CONFIG = CarriedConfig()
PACKET_BYTES = 1000
DELAY_S = 0.05


@dataclass
class Way:
    """Carries `carries_bps`, in order; its receiver reports every `report_s` what has come."""

    carries_bps: float
    report_s: float = 0.1
    delay_s: float = DELAY_S
    now_s: float = 10.0
    state: CarriedState = field(default_factory=CarriedState)
    free_s: float = 0.0
    sent: list[tuple[float, float]] = field(default_factory=list)
    reported: int = 0

    def pass_s(self, seconds: float, sends_bps: float) -> list[float | None]:
        """Send so much for a time; return what each report told."""
        told: list[float | None] = []
        for _ in range(round(seconds / self.report_s)):
            packets = round(self.report_s * sends_bps / (8 * PACKET_BYTES))
            for number in range(packets):
                sent_s = self.now_s + number * self.report_s / packets
                self.free_s = max(self.free_s, sent_s) + 8 * PACKET_BYTES / self.carries_bps
                self.sent.append((sent_s, self.free_s + self.delay_s))
            self.now_s += self.report_s
            arrived = self.reported
            while arrived < len(self.sent) and self.sent[arrived][1] <= self.now_s:
                arrived += 1
            if arrived > self.reported:
                told.append(self.report(arrived))
        return told

    def report(self, arrived: int) -> float | None:
        new, self.reported = arrived - self.reported, arrived
        delay_s = self.now_s - self.sent[arrived - 1][0]
        return carried_rate.note_arrivals(
            CONFIG, self.state, delay_s, new * PACKET_BYTES, new, self.now_s
        )


def test_a_way_that_is_free_tells_nothing() -> None:
    assert set(Way(5e6).pass_s(10, 2e6)) == {None}


@pytest.mark.parametrize("carries_bps", [300e3, 500e3, 1e6])
def test_a_way_that_falls_tells_what_it_carries_within_half_a_second(carries_bps: float) -> None:
    way = Way(5e6)
    way.pass_s(5, 2e6)
    way.carries_bps = carries_bps
    told = [bps for bps in way.pass_s(0.5, 2e6) if bps is not None]
    assert told
    assert told == pytest.approx([carries_bps] * len(told), rel=0.2)


def test_what_came_before_it_was_full_is_no_measure() -> None:
    way = Way(5e6, report_s=0.5)
    way.pass_s(5, 2e6)
    way.carries_bps = 500e3
    # Full since a part of the time of this report: most of what it tells of came at 2 Mbit/s.
    way.report_s = 0.2
    told = way.pass_s(0.2, 2e6)
    assert told == [None]
    assert way.pass_s(0.2, 2e6) == pytest.approx([500e3], rel=0.2)


def test_few_packets_are_no_measure() -> None:
    state = CarriedState()
    told = [
        carried_rate.note_arrivals(CONFIG, state, delay_s, PACKET_BYTES, 1, at_s)
        for at_s, delay_s in ((1, 0.05), (1.1, 0.2), *((1.1 + 0.1 * n, 0.2) for n in range(1, 5)))
    ]
    assert told == [None, None, None, None, None, pytest.approx(80e3)]


def test_a_short_time_is_no_measure() -> None:
    state = CarriedState()
    for at_s, delay_s in ((1.0, 0.05), (1.05, 0.2)):
        carried_rate.note_arrivals(CONFIG, state, delay_s, 9 * PACKET_BYTES, 9, at_s)
    soon, later = (
        carried_rate.note_arrivals(CONFIG, state, 0.2, 9 * PACKET_BYTES, 9, at_s)
        for at_s in (1.11, 1.15)
    )
    assert soon is None
    assert later == pytest.approx(8 * 18 * PACKET_BYTES / 0.1)


def test_a_report_that_is_late_by_itself_tells_nothing() -> None:
    state = CarriedState()
    told = [
        carried_rate.note_arrivals(CONFIG, state, delay_s, 20 * PACKET_BYTES, 20, at_s)
        for at_s, delay_s in ((1.0, 0.05), (1.2, 0.05), (1.6, 0.25), (1.6, 0.05), (1.8, 0.05))
    ]
    assert told == [None] * 5


def test_a_way_that_is_full_for_long_tells_what_it_carries_by_now() -> None:
    way = Way(5e6)
    way.pass_s(5, 2e6)
    way.carries_bps = 1e6
    way.pass_s(3, 1.2e6)
    way.carries_bps = 400e3
    assert way.pass_s(3, 400e3)[-1] == pytest.approx(400e3, rel=0.1)


def test_a_way_that_was_free_in_between_is_full_anew() -> None:
    state = CarriedState()
    told = [
        carried_rate.note_arrivals(CONFIG, state, delay_s, 20 * PACKET_BYTES, 20, at_s)
        for at_s, delay_s in ((1.0, 0.05), (1.1, 0.2), (1.2, 0.05), (1.3, 0.2))
    ]
    assert told == [None] * 4


def test_how_long_packets_waited_is_told() -> None:
    way = Way(5e6)
    way.pass_s(5, 2e6)
    way.carries_bps = 500e3
    way.pass_s(0.5, 1e6)
    assert way.state.waited_s == pytest.approx(0.25, abs=0.06)


def test_a_way_that_became_longer_is_not_full_for_ever() -> None:
    way = Way(5e6)
    way.pass_s(5, 2e6)
    way.delay_s += 0.15
    assert way.pass_s(2, 2e6)[-1] is not None
    assert set(way.pass_s(20, 2e6)[-20:]) == {None}
