"""A call whose media takes a bad link, measured: server and Chromium on hosts of their own.

For `benchmarks.bad_network`. The hosts are network namespaces of this machine, so Linux and root
are needed; the link is tests/server/bad_link.py. Only media and the control channel take it: HTTP
comes by a side door, see there.
"""

import asyncio
import contextlib
import itertools
import socket
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from benchmarks.live import WARM_UP_S
from tests.browser import chromium
from tests.browser.bursts import speech_bursts, write_wav
from tests.browser.launch import chromium_hearing
from tests.browser.live_page import live_page
from tests.browser.recording import Recording, record
from tests.browser.serving import serve
from tests.server import bad_link, namespaces
from tests.server.bad_link import BadLink, Conditions, Counts
from tests.server.namespaces import Host

_SUBNET = "10.9.4"
_GOOD = Conditions()
_WORDS = 24
_CHUNK_BYTES = 65_536
_COUNTER_PREFIX, _COUNTER_SUFFIX = "likeness_", "_total"
_ALL_STATS = "likenessProbe.pc.getStats().then((report) => [...report.values()])"

Stats = dict[str, Any]


@dataclass(frozen=True)
class Stretch:
    """Part of a call, and what its packets meet: `down` is from the server to the browser.

    `share` of the call's length is recorded under these conditions.
    """

    name: str
    down: Conditions
    up: Conditions
    share: float = 1.0


@dataclass(frozen=True)
class Look:
    """The browser's counters at one time, as W3C's webrtc-stats names them.

    `microphone` is what the server reports of the sound it receives; empty until it does.
    """

    picture: Stats
    voice: Stats
    microphone: Stats
    pair: Stats


@dataclass(frozen=True)
class Measured:
    """What one stretch gave: `counted` is how far the server's counters rose, by their names.

    `carried` (down, up) is what became of the link's packets.
    """

    seconds: float
    recording: Recording
    looks: tuple[Look, ...]
    counted: dict[str, float]
    carried: tuple[Counts, Counts]

    @property
    def intervals(self) -> list[tuple[Look, Look]]:
        """Neighbouring looks, without those between which the call was lost and began again."""
        return [
            (before, after)
            for before, after in itertools.pairwise(self.looks)
            if before.picture["ssrc"] == after.picture["ssrc"]
        ]

    @property
    def reconnections(self) -> int:
        """How often the call was lost and began again."""
        return max(0, len(self.looks) - 1) - len(self.intervals)


@dataclass(frozen=True)
class FarServer:
    """A server that listens, a browser on another host, and the link between these."""

    url: str
    browser: Browser
    link: BadLink

    def hold_call(self, stretches: Sequence[Stretch], seconds: float) -> list[Measured]:
        """Call over a good link, settle under the first conditions, record every stretch.

        Raises playwright.sync_api.Error when there is no call, or none is left to be hung up.
        """
        measured: list[Measured] = []
        self.link.set(_GOOD, _GOOD)
        with live_page(self.browser, self.url) as page:
            self.link.set(stretches[0].down, stretches[0].up)
            record(page, WARM_UP_S)
            for stretch in stretches:
                self.link.set(stretch.down, stretch.up)
                measured.append(self._measure(page, seconds * stretch.share))
        return measured

    def _measure(self, page: Page, seconds: float) -> Measured:
        counters, packets = self._counters(), self.link.counts()
        looks = [_look(page)]
        recording = record(page, seconds, each_look=lambda: looks.append(_look(page)))
        down, up = (
            after - before for after, before in zip(self.link.counts(), packets, strict=True)
        )
        risen = {name: value - counters[name] for name, value in self._counters().items()}
        found = tuple(look for look in looks if look is not None)
        return Measured(seconds, recording, found, risen, (down, up))

    def _counters(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.split() for line in lines if line.startswith(_COUNTER_PREFIX))
        return {
            name.removeprefix(_COUNTER_PREFIX).removesuffix(_COUNTER_SUFFIX): float(value)
            for name, value in pairs
            if name.endswith(_COUNTER_SUFFIX)
        }


@contextlib.contextmanager
def far_server() -> Iterator[FarServer]:
    """Start all, with a good link.

    Raises:
        FileNotFoundError: no Chromium; says what to do.
        RuntimeError: no namespaces or TUN devices here; says why.
    """
    executable = chromium.find()
    if executable is None:
        raise FileNotFoundError("no Chromium or Chrome: run `make setup-dev`, or set CHROMIUM")
    if problem := bad_link.missing():
        raise RuntimeError(problem)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_wav(folder / "words.wav", speech_bursts(_WORDS)[0])
        server = stack.enter_context(namespaces.host("server"))
        caller = stack.enter_context(namespaces.host("caller"))
        link = stack.enter_context(bad_link.bad_link(server, caller, _SUBNET))
        with server.entered():
            served = stack.enter_context(serve("--port", "0", data_home=folder))
        port = urlsplit(served.url).port
        assert port is not None
        stack.enter_context(side_door(caller, server, port))
        # To the end: the browser is started from here, and what it loads is asked for from here.
        stack.enter_context(caller.entered())
        browser = stack.enter_context(chromium_hearing(folder / "words.wav", executable))
        yield FarServer(served.url, browser, link)


@contextlib.contextmanager
def side_door(caller: Host, server: Host, port: int) -> Iterator[None]:
    """Let `port` of the caller's localhost be that of the server's.

    So the page may hear a microphone, as only secure contexts do, and needs no key; and how long it
    loads over a narrow link is not part of the question.
    """
    with caller.entered():
        listener = socket.create_server(("127.0.0.1", port))
    closing: Future[None] = Future()

    async def let_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, out = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass_on(reader, out), _pass_on(inside, writer))

    async def keep_open() -> None:
        async with await asyncio.start_server(let_through, sock=listener):
            await asyncio.wrap_future(closing)

    open_door = server.submit(keep_open())
    try:
        yield
    finally:
        closing.set_result(None)
        open_door.result()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


def _look(page: Page) -> Look | None:
    """Return None while there is no connection that receives both."""
    stats: list[Stats] = page.evaluate(_ALL_STATS)

    def first(**wanted: object) -> Stats:
        return next((entry for entry in stats if wanted.items() <= entry.items()), {})

    picture = first(type="inbound-rtp", kind="video")
    voice = first(type="inbound-rtp", kind="audio")
    pair = first(type="candidate-pair", nominated=True, state="succeeded")
    if not (picture and voice and pair):
        return None
    return Look(picture, voice, first(type="remote-inbound-rtp", kind="audio"), pair)
