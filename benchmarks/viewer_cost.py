"""What does a viewer of one avatar cost, next to what the avatar costs?

`python -m benchmarks.viewer_cost [--seconds S] [--viewers 1 2 10 25 50]`. The real server with the
real model as a process of its own, and its CPU time per second while so many watch; the avatar
listens, which costs as much as speaking. The viewers are aiortc peers of another process, all
through loopback; they receive, but do not decode. The first viewer pays for the avatar and for
coding; each that follows, only for its own encryption and packets.
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from benchmarks.record import Figure, measure_baseline, report
from tests.browser.serving import Served, serve

AVATAR = "astronaut"
SETTLING_S = 5.0
# One viewer has a minute to connect; 50 take half of it on two cores.
ANSWER_LIMIT_S = 180.0
GOAL_PERCENT = 5.0
# Two unknowns are solved for: the avatar's cost, and a viewer's.
LEAST_COUNTS = 2


async def watch(http: httpx.AsyncClient) -> RTCPeerConnection:
    """Return a connection through which picture and sound come, and are left alone."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("audio", "recvonly")
    peer.addTransceiver("video", "recvonly")
    connected = asyncio.Event()
    peer.on(
        "connectionstatechange",
        lambda: connected.set() if peer.connectionState == "connected" else None,
    )
    await peer.setLocalDescription(await peer.createOffer())
    answer = await http.post(
        f"/whep/{AVATAR}",
        content=peer.localDescription.sdp,
        headers={"Content-Type": "application/sdp"},
    )
    answer.raise_for_status()
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    async with asyncio.timeout(60):
        await connected.wait()
    return peer


async def received_packets(peer: RTCPeerConnection) -> int:
    """Return how many packets have come, of all kinds."""
    stats = (await peer.getStats()).values()
    return sum(one.packetsReceived for one in stats if one.type == "transport")


async def hold_audience(url: str, orders: Connection) -> None:
    """Watch with as many as is ordered; answer each order when they do. None ends it.

    "count" is answered with how many packets each viewer has received.
    """
    peers: list[RTCPeerConnection] = []
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        while (order := await loop.run_in_executor(None, orders.recv)) is not None:
            if order == "count":
                orders.send([await received_packets(peer) for peer in peers])
                continue
            while len(peers) < order:
                peers.append(await watch(http))
            orders.send(len(peers))
    await asyncio.gather(*(peer.close() for peer in peers))


class NoDecoder:
    """Makes nothing of what comes: decoding for 50 would leave the server no CPU."""

    def decode(self, _: object) -> list[object]:
        """Return no frame."""
        return []


def audience(url: str, orders: Connection) -> None:
    """Be the process of the viewers."""
    with patch("aiortc.rtcrtpreceiver.get_decoder", lambda _: NoDecoder()):
        asyncio.run(hold_audience(url, orders))


def cpu_s(pid: int) -> float:
    """Return the CPU time of process `pid` and its children, as the model's (Linux, proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    lists = [
        path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")
    ]
    return own + sum(cpu_s(int(child)) for child in " ".join(lists).split())


@dataclass(frozen=True)
class Sample:
    """What happened in some time: CPU of the server, frames it sent, packets that viewers got."""

    cpu_s: float
    frames: float
    packets: float


def frames_sent(url: str) -> float:
    """Return how many frames the server has sent since it started."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(float(x.split()[1]) for x in lines if x.startswith("likeness_frames_sent_total"))


def ask(orders: Connection, order: int | str) -> Any:
    """Give the process of the viewers an order, and return its answer.

    Raises RuntimeError when there is none: it has ended, or takes too long.
    """
    try:
        orders.send(order)
        if orders.poll(ANSWER_LIMIT_S):
            return orders.recv()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise RuntimeError("the viewers' process has ended: it has printed why") from None
    raise RuntimeError(f"the viewers' process has not answered {order!r} in {ANSWER_LIMIT_S:g} s")


def measure(viewers: Sequence[int], seconds: float) -> dict[int, Sample]:
    """Return what `seconds` cost, by number of viewers."""
    ours, theirs = multiprocessing.Pipe()

    def look(served: Served) -> Sample:
        packets = ask(ours, "count")
        return Sample(cpu_s(served.process.pid), frames_sent(served.url), sum(packets))

    samples: dict[int, Sample] = {}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "audience.toml"
        config.write_text(
            f"[limits]\ncalls_burst = {max(viewers)}\n[performance]\nmax_viewers = {max(viewers)}\n"
        )
        with serve("--port", "0", "--config", str(config)) as served:
            httpx.put(f"{served.url}/v1/avatars/{AVATAR}/live").raise_for_status()
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=audience, args=(served.url, theirs), daemon=True)
            process.start()
            # The child has its own: ours open, no end of it would be seen here.
            theirs.close()
            for number in sorted(set(viewers)):
                ask(ours, number)
                time.sleep(SETTLING_S)
                before = look(served)
                time.sleep(seconds)
                after = look(served)
                samples[number] = Sample(
                    after.cpu_s - before.cpu_s,
                    after.frames - before.frames,
                    after.packets - before.packets,
                )
            ours.send(None)
            process.join(30)
    return samples


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured for each number")
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 2, 10, 25, 50])
    options = parser.parse_args()
    if len(set(options.viewers)) < LEAST_COUNTS or min(options.viewers) < 1:
        parser.error(
            f"found --viewers {' '.join(map(str, options.viewers))}, expected {LEAST_COUNTS} or"
            " more different numbers above 0: what a viewer costs is told by the difference"
        )
    baseline = measure_baseline()
    samples = measure(options.viewers, options.seconds)
    if not all(sample.frames for sample in samples.values()):
        raise SystemExit("the server sent no frame for a while: the machine is too slow now")
    figures = [
        Figure(f"{number} viewers: {what}", unit, (value,))
        for number, sample in samples.items()
        for what, unit, value in (
            ("server CPU a frame", "ms", 1000 * sample.cpu_s / sample.frames),
            ("frames sent a second", "", sample.frames / options.seconds),
            ("packets a frame, each viewer", "", sample.packets / sample.frames / number),
        )
    ]
    # A busy machine sends fewer frames, or loses packets, the more there are who watch: so not the
    # sums are compared, but what one frame costs, and one packet.
    work = np.array([(sample.frames, sample.packets) for sample in samples.values()])
    cost = np.array([sample.cpu_s for sample in samples.values()])
    (frame_s, packet_s), *_ = np.linalg.lstsq(work, cost, rcond=None)
    viewer_s = packet_s * float(np.median([s.packets / s.frames / n for n, s in samples.items()]))
    report(
        "viewer_cost: what does a viewer cost, next to the avatar?",
        [
            *figures,
            Figure("the avatar, CPU a frame", "ms", (1000 * frame_s,)),
            Figure("each viewer, CPU a frame", "ms", (1000 * viewer_s,)),
            Figure(
                "each further viewer, of the first", "%", (100 * viewer_s / (frame_s + viewer_s),)
            ),
        ],
        baseline=baseline,
        settings={"seconds": options.seconds, "goal_percent": GOAL_PERCENT},
    )


if __name__ == "__main__":
    main()
