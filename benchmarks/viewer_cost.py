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
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    rtcrtpreceiver,
)

from benchmarks.record import Figure, measure_baseline, report
from tests.browser.serving import serve

AVATAR = "astronaut"
SETTLING_S = 5.0
GOAL_PERCENT = 5.0


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
    rtcrtpreceiver.get_decoder = lambda _: NoDecoder()
    asyncio.run(hold_audience(url, orders))


def cpu_s(pid: int) -> float:
    """Return the CPU time of process `pid` and its threads (Linux, proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(viewers: Sequence[int], seconds: float) -> tuple[dict[int, float], list[Figure]]:
    """Return the server's CPU time per second by number of viewers, and what to report."""
    ours, theirs = multiprocessing.Pipe()
    costs: dict[int, float] = {}
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "audience.toml"
        config.write_text(f"[limits]\ncalls_burst = {max(viewers)}\n")
        with serve("--port", "0", "--config", str(config)) as served:
            httpx.put(f"{served.url}/v1/avatars/{AVATAR}/live").raise_for_status()
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=audience, args=(served.url, theirs), daemon=True)
            process.start()
            for number in sorted(viewers):
                ours.send(number)
                ours.recv()
                time.sleep(SETTLING_S)
                ours.send("count")
                before: list[int] = ours.recv()
                start_s, start_cpu_s = time.monotonic(), cpu_s(served.process.pid)
                time.sleep(seconds)
                passed_s = time.monotonic() - start_s
                costs[number] = (cpu_s(served.process.pid) - start_cpu_s) / passed_s
                ours.send("count")
                after: list[int] = ours.recv()
                rates = [(b - a) / passed_s for a, b in zip(before, after, strict=True)]
                figures += [
                    Figure(f"{number} viewers: server CPU per second", "s", (costs[number],)),
                    Figure(f"{number} viewers: packets a second, each", "", tuple(rates)),
                ]
            ours.send(None)
            process.join(30)
    return costs, figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured for each number")
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 2, 10, 25, 50])
    options = parser.parse_args()
    baseline = measure_baseline()
    costs, figures = measure(options.viewers, options.seconds)
    first, most = min(costs), max(costs)
    if most > first:
        each = 100 * (costs[most] - costs[first]) / (most - first) / costs[first]
        figures.append(Figure("each further viewer, of the first", "%", (each,)))
    report(
        "viewer_cost: what does a viewer cost, next to the avatar?",
        figures,
        baseline=baseline,
        settings={"seconds": options.seconds, "goal_percent": GOAL_PERCENT},
    )


if __name__ == "__main__":
    main()
