"""A network between two hosts that is as slow, late and lossy as is set (Linux, root).

Many machines lack the kernel's own emulator, `tc netem`. Here each host gets a TUN device
(Documentation/networking/tuntap.rst), and a process of its own carries IP packets between the two:
one that shared an interpreter would be late whenever something else works there.
"""

import contextlib
import fcntl
import json
import math
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tests.server import namespaces
from tests.server.namespaces import Host

_ROOT = Path(__file__).parents[2]
_TUN = Path("/dev/net/tun")
_DEVICE = "bad-link"
# linux/if_tun.h: an IP device whose packets have nothing before them.
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_MAX_PACKET_BYTES = 65_535
# So many are read at once: a flood must not keep what is due from being written.
_READ_PACKETS = 64
# Before the server, which has -10.
_NICE = -15
_STOP_LIMIT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What packets meet in one direction.

    ``rate_kbps`` counts whole IP packets; None: no limit. A packet that would wait its turn for
    longer than ``queue_ms`` is dropped, as by a router at home. After its turn each takes
    ``delay_ms`` and a draw of up to ``jitter_ms`` more; none overtakes another. ``loss`` is the
    share lost on the way, each packet for itself or, on average, ``burst_packets`` in a row
    (Gilbert's model).
    """

    rate_kbps: float | None = None
    queue_ms: float = 200.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst_packets: float | None = None

    def __post_init__(self) -> None:
        if self.rate_kbps is not None and self.rate_kbps <= 0:
            raise ValueError(f"rate_kbps is {self.rate_kbps}, expected above 0, or None: no limit")
        if min(self.queue_ms, self.delay_ms, self.jitter_ms) < 0:
            raise ValueError(f"found a negative time in {self}, expected 0 or more")
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss is {self.loss}, expected a share of 0 up to, not of, 1")
        if self.burst_packets is not None and self.burst_packets < max(1, self._odds):
            raise ValueError(
                f"burst_packets is {self.burst_packets}, expected {max(1, self._odds):g} or more"
                f" for a loss of {self.loss}"
            )

    @property
    def _odds(self) -> float:
        return self.loss / (1 - self.loss)

    @property
    def burst_chance(self) -> float:
        """How probably the packet after one that was not lost begins a burst."""
        return self._odds / (self.burst_packets or 1)


@dataclass
class Counts:
    """What became of packets: ``dropped`` found the queue full, ``lost`` were lost on the way."""

    carried_packets: int = 0
    carried_bytes: int = 0
    dropped_packets: int = 0
    lost_packets: int = 0

    def __sub__(self, before: "Counts") -> "Counts":
        """What became of packets since ``before``."""
        return Counts(
            self.carried_packets - before.carried_packets,
            self.carried_bytes - before.carried_bytes,
            self.dropped_packets - before.dropped_packets,
            self.lost_packets - before.lost_packets,
        )


class Lane:
    """One direction, without I/O: packets are ``put`` when they enter, and ``take``-n when due."""

    def __init__(self, seed: int) -> None:
        self.conditions = Conditions()
        self.counts = Counts()
        self._random = random.Random(seed)
        self._in_burst = False
        self._free_s = 0.0
        self._last_due_s = 0.0
        self._under_way: deque[tuple[float, bytes]] = deque()

    @property
    def next_due_s(self) -> float:
        """When there is something to take; infinite: nothing is under way."""
        return self._under_way[0][0] if self._under_way else math.inf

    def put(self, packet: bytes, now_s: float) -> None:
        """Let ``packet`` enter."""
        conditions = self.conditions
        self._free_s = max(self._free_s, now_s)
        if conditions.rate_kbps is not None:
            if self._free_s - now_s > conditions.queue_ms / 1000:
                self.counts.dropped_packets += 1
                return
            self._free_s += len(packet) * 8 / (conditions.rate_kbps * 1000)
        # Lost on the way, it has taken its turn.
        if self._loses():
            self.counts.lost_packets += 1
            return
        late_ms = conditions.delay_ms + self._random.uniform(0, conditions.jitter_ms)
        self._last_due_s = max(self._last_due_s, self._free_s + late_ms / 1000)
        self._under_way.append((self._last_due_s, packet))

    def take(self, now_s: float) -> list[bytes]:
        """Return what has arrived, in order."""
        arrived: list[bytes] = []
        while self.next_due_s <= now_s:
            arrived.append(self._under_way.popleft()[1])
        self.counts.carried_packets += len(arrived)
        self.counts.carried_bytes += sum(map(len, arrived))
        return arrived

    def _loses(self) -> bool:
        conditions, draw = self.conditions, self._random.random()
        if conditions.burst_packets is None:
            return draw < conditions.loss
        self._in_burst = draw < (
            1 - 1 / conditions.burst_packets if self._in_burst else conditions.burst_chance
        )
        return self._in_burst


class BadLink:
    """A link that is carried: all of it can be changed, and counted, while packets are under way.

    ``there`` is from the host that was named first to the other one, ``back`` the other direction.
    """

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders = orders
        self._answers = answers

    def set(self, there: Conditions, back: Conditions) -> None:
        """Let packets that enter from now on meet these conditions."""
        self._ask([asdict(there), asdict(back)])

    def counts(self) -> tuple[Counts, Counts]:
        """Return what became of all packets up to now, ``there`` and ``back``."""
        return self._ask([])

    def _ask(self, order: list[dict[str, float | None]]) -> tuple[Counts, Counts]:
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        there, back = json.loads(self._answers.readline())
        return Counts(**there), Counts(**back)


def missing() -> str | None:
    """Return what a bad link cannot be made without; None: it can be made."""
    if problem := namespaces.missing():
        return problem
    try:
        os.close(os.open(_TUN, os.O_RDWR))
    except OSError as error:
        return f"this machine makes no TUN devices: {error}"
    return None


@contextlib.contextmanager
def bad_link(one: Host, other: Host, subnet: str) -> Iterator[BadLink]:
    """Link two hosts; ``subnet`` such as "10.9.1": ``one`` is .1, ``other`` .2.

    It is a good link until it is ``set``.
    """
    with contextlib.ExitStack() as stack:
        ends: list[int] = []
        for number, host in enumerate((one, other), start=1):
            ends.append(_open(host))
            stack.callback(os.close, ends[-1])
            _plug_in(host, f"{subnet}.{number}/24")
        # In a session of its own: Ctrl-C is for who made the link, and unmakes it.
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.server.bad_link", *map(str, ends)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=_ROOT,
                pass_fds=ends,
                start_new_session=True,
            )
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            link = BadLink(process.stdin, process.stdout)
            link.counts()  # it is there when it answers
            yield link
        finally:
            # What it reads ends: so does it, even if this process is killed.
            process.stdin.close()
            try:
                process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _open(host: Host) -> int:
    """Make a TUN device on ``host``; it is gone when the last who has this open closes it."""
    with host.entered():
        end = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(
            end, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _IFF_TUN | _IFF_NO_PI)
        )
    return end


def _plug_in(host: Host, address: str) -> None:
    for arguments in (
        # Without an IPv6 address of its own: what the kernel says by it would be counted.
        ("link", "set", _DEVICE, "addrgenmode", "none"),
        ("address", "add", address, "dev", _DEVICE),
        ("link", "set", _DEVICE, "up"),
    ):
        command = host.command("ip", *arguments)
        subprocess.run(command, check=True, capture_output=True, text=True)


def _carry(ends: tuple[int, int], orders: IO[bytes], answers: IO[str]) -> None:
    """Carry packets until ``orders`` end."""
    lanes = (Lane(seed=0), Lane(seed=1))
    while True:
        wait_s = max(0.0, min(lane.next_due_s for lane in lanes) - time.monotonic())
        waiting = [*ends, orders.fileno()]
        ready, _, _ = select.select(waiting, [], [], None if wait_s == math.inf else wait_s)
        if orders.fileno() in ready:
            order = orders.readline()
            if not order:
                return
            for lane, conditions in zip(lanes, json.loads(order), strict=False):
                lane.conditions = Conditions(**conditions)
            answers.write(json.dumps([asdict(lane.counts) for lane in lanes]) + "\n")
            answers.flush()
        for end, lane in zip(ends, lanes, strict=True):
            if end in ready:
                for packet in _read(end):
                    lane.put(packet, time.monotonic())
        for end, lane in zip(reversed(ends), lanes, strict=True):
            for packet in lane.take(time.monotonic()):
                os.write(end, packet)


def _read(end: int) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        for _ in range(_READ_PACKETS):
            yield os.read(end, _MAX_PACKET_BYTES)


if __name__ == "__main__":
    # On time, whatever else runs; where that is not allowed, as all others.
    with contextlib.suppress(PermissionError):
        os.nice(_NICE)
    with open(0, "rb", buffering=0) as own_orders:
        _carry((int(sys.argv[1]), int(sys.argv[2])), own_orders, sys.stdout)
