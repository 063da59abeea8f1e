"""The bad network of the benchmarks: what it promises, by the clock of the test and by UDP."""

import contextlib
import itertools
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.server import bad_link, namespaces
from tests.server.bad_link import BadLink, Conditions, Counts, Lane
from tests.server.namespaces import Host

SUBNET = "10.9.1"
HEADERS_BYTES = 28  # IPv4 and UDP
PATIENCE_S = 20.0


def lane(conditions: Conditions) -> Lane:
    made = Lane(seed=0)
    made.conditions = conditions
    return made


def arrivals_s(lane: Lane) -> list[float]:
    """When each of what is under way arrives."""
    found: list[float] = []
    while (due_s := lane.next_due_s) < float("inf"):
        found += [due_s] * len(lane.take(due_s))
    return found


def test_packets_of_a_slow_lane_take_turns() -> None:
    slow = lane(Conditions(rate_kbps=1000, queue_ms=195, delay_ms=5))
    for _ in range(100):
        slow.put(bytes(1250), now_s=1.0)
    # 10 ms each: the last one to be let in waits for 190 ms.
    assert arrivals_s(slow) == pytest.approx([1.005 + 0.01 * turn for turn in range(1, 21)])
    assert slow.counts == Counts(carried_packets=20, carried_bytes=25_000, dropped_packets=80)


def test_a_queue_empties_at_its_rate() -> None:
    slow = lane(Conditions(rate_kbps=1000, queue_ms=200))
    for millisecond in range(1000):
        slow.put(bytes(250), now_s=millisecond / 1000)
    # 2000 kbps for a second: half of it, and what still waits at the end.
    assert len(arrivals_s(slow)) == pytest.approx(500 + 100, abs=2)


def test_what_waits_when_the_rate_is_lifted_stays_ahead() -> None:
    changing = lane(Conditions(rate_kbps=1000))
    for number in range(10):
        changing.put(bytes([number]) * 1250, now_s=0.0)
    changing.conditions = Conditions()
    changing.put(bytes([10]), now_s=0.01)
    assert [packet[0] for packet in changing.take(1.0)] == list(range(11))


def test_jitter_delays_but_does_not_reorder() -> None:
    shaky = lane(Conditions(delay_ms=10, jitter_ms=50))
    for number in range(1000):
        shaky.put(number.to_bytes(2), now_s=number / 100)
    late_ms, order = [], []
    while shaky.next_due_s < float("inf"):
        due_s = shaky.next_due_s
        for packet in shaky.take(due_s):
            order.append(int.from_bytes(packet))
            late_ms.append(1000 * (due_s - order[-1] / 100))
    assert order == list(range(1000))
    assert 10 <= min(late_ms) < 20
    assert 50 < max(late_ms) <= 60.001


@pytest.mark.parametrize("burst_packets", [None, 1.0, 3.0])
def test_loss_has_its_share_and_its_bursts(burst_packets: float | None) -> None:
    lossy = lane(Conditions(loss=0.02, burst_packets=burst_packets))
    lost: list[bool] = []
    for _ in range(100_000):
        before = lossy.counts.lost_packets
        lossy.put(b"x", now_s=0.0)
        lost.append(lossy.counts.lost_packets > before)
    assert sum(lost) == pytest.approx(2000, rel=0.15)
    bursts = [len(list(run)) for is_lost, run in itertools.groupby(lost) if is_lost]
    expected = 1 / 0.98 if burst_packets is None else burst_packets
    assert sum(bursts) / len(bursts) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate_kbps": 0.0}, "rate_kbps is 0.0, expected above 0"),
        ({"delay_ms": -1.0}, "found a negative time"),
        ({"loss": 1.0}, "loss is 1.0, expected a share"),
        ({"loss": 0.1, "burst_packets": 0.5}, "burst_packets is 0.5, expected 1 or more"),
        ({"loss": 0.75, "burst_packets": 2.0}, "expected 3 or more for a loss of 0.75"),
    ],
)
def test_impossible_conditions_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Conditions(**wrong)


@dataclass(frozen=True)
class Linked:
    """Two hosts, a link, and a UDP socket on each host that sends to the other's."""

    link: BadLink
    one: socket.socket
    other: socket.socket

    def send(self, count: int, packet_bytes: int) -> None:
        """Send IP packets of this size from ``one``, and wait until nothing is under way."""
        for number in range(count):
            self.one.send(number.to_bytes(2) + bytes(packet_bytes - HEADERS_BYTES - 2))
            if number % 50 == 49:
                self.settle(number + 1)  # what waits in a device or a socket has a bound, too
        self.settle(count)

    def settle(self, count: int) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while True:
            found, _ = self.link.counts()
            if found.carried_packets + found.dropped_packets + found.lost_packets == count:
                return
            assert time.monotonic() < give_up, found
            time.sleep(0.005)

    def received(self) -> list[int]:
        """The numbers of what ``other`` has received."""
        numbers: list[int] = []
        while select.select([self.other], [], [], 0)[0]:
            numbers.append(int.from_bytes(self.other.recv(2)))
        return numbers


@pytest.fixture
def linked() -> Iterator[Linked]:
    if problem := bad_link.missing():
        pytest.skip(problem)
    with (
        namespaces.host("one") as one,
        namespaces.host("other") as other,
        bad_link.bad_link(one, other, SUBNET) as link,
        opened(one, 1) as ours,
        opened(other, 2) as theirs,
    ):
        ours.connect(theirs.getsockname())
        theirs.connect(ours.getsockname())
        yield Linked(link, ours, theirs)


@contextlib.contextmanager
def opened(host: Host, number: int) -> Iterator[socket.socket]:
    with host.entered(), socket.socket(type=socket.SOCK_DGRAM) as made:
        made.bind((f"{SUBNET}.{number}", 0))
        made.settimeout(PATIENCE_S)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        yield made


def test_a_good_link_carries_all(linked: Linked) -> None:
    linked.send(500, 100)
    assert linked.received() == list(range(500))
    assert linked.link.counts() == (Counts(carried_packets=500, carried_bytes=50_000), Counts())


def test_delay_is_of_its_own_in_each_direction(linked: Linked) -> None:
    linked.link.set(Conditions(delay_ms=40), Conditions(delay_ms=80))
    start_s = time.monotonic()
    linked.one.send(b"ping")
    linked.other.recv(4)
    there_s = time.monotonic() - start_s
    linked.other.send(b"pong")
    linked.one.recv(4)
    both_s = time.monotonic() - start_s
    assert there_s >= 0.04
    assert both_s - there_s >= 0.08
    # Generous: a busy machine is late, but the delays of a second call would be missed.
    assert both_s < 2


def test_a_narrow_link_drops_what_would_wait_too_long(linked: Linked) -> None:
    linked.link.set(Conditions(rate_kbps=1000, queue_ms=195), Conditions())
    start_s = time.monotonic()
    linked.send(50, 1250)
    taken_s = time.monotonic() - start_s
    there, back = linked.link.counts()
    # 10 ms each. Of many at once 20 find room; the longer sending them takes, the more.
    assert 20 <= there.carried_packets <= 20 + taken_s / 0.01
    assert there.carried_packets + there.dropped_packets == 50
    assert taken_s >= 0.01 * there.carried_packets
    assert len(linked.received()) == there.carried_packets
    assert back == Counts()


def test_a_lossy_link_loses_its_share(linked: Linked) -> None:
    linked.link.set(Conditions(loss=0.2), Conditions())
    linked.send(1000, 100)
    there, _ = linked.link.counts()
    received = linked.received()
    assert 120 < there.lost_packets < 280
    assert len(received) == there.carried_packets == 1000 - there.lost_packets
    assert received == sorted(received)


def test_a_link_leaves_nothing_behind() -> None:
    if problem := bad_link.missing():
        pytest.skip(problem)
    with namespaces.host("one") as one, namespaces.host("other") as other:
        with bad_link.bad_link(one, other, SUBNET):
            assert "bad-link" in devices(one)
            assert "bad-link" in devices(other)
        assert "bad-link" not in devices(one)
        assert "bad-link" not in devices(other)


def devices(host: Host) -> str:
    command = host.command("ip", "-brief", "link")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
