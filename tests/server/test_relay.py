"""A call between two hosts that reach only a TURN server, neither each other."""

import asyncio
import dataclasses
import errno
import logging
import re
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from aiortc import RTCIceServer

from server.turn import IceServer
from tests.server import namespaces
from tests.server.caller import Caller
from tests.server.conftest import BASE_URL, CONFIG, Serve
from tests.server.coturn import coturn
from tests.server.namespaces import Host
from tests.server.test_call import is_bright

RELAY = "198.51.100.1"
URL = f"turn:{RELAY}"
CALLER, SERVER = "10.9.1", "10.9.2"
LINK = re.compile(r'<(.*)>; rel="ice-server"; username="(.*)"; credential="(.*?)"; .*')


@dataclass(frozen=True)
class Network:
    """Three hosts. The outer two have a way to the relay's address, and none to each other."""

    caller: Host
    relay: Host
    server: Host


@pytest.fixture
def network() -> Iterator[Network]:
    if problem := namespaces.missing():
        pytest.skip(problem)
    if shutil.which("turnserver") is None:
        pytest.skip("no coturn: run `make setup-dev` as root")
    with (
        namespaces.host("caller") as caller,
        namespaces.host("server") as server,
        namespaces.host("relay") as relay,
    ):
        relay.add_address(RELAY)
        for other, subnet in ((caller, CALLER), (server, SERVER)):
            relay.link(other, subnet)
            other.add_route(RELAY, f"{subnet}.1")
        yield Network(caller, relay, server)


class Signalling(httpx.AsyncBaseTransport):
    """Requests find their way to the application in another event loop, whatever media does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._loop = asyncio.get_running_loop()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = self._http.send(request)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sent, self._loop))


def call(
    network: Network,
    serve: Serve,
    ice_server: IceServer,
    work: Callable[[Caller], Awaitable[None]],
) -> None:
    """Run a server on its host, and ``work`` with a caller who uses its ICE servers on another."""

    async def be_called() -> None:
        check_unreachable(f"{CALLER}.2")
        async with serve(dataclasses.replace(CONFIG, ice_servers=(ice_server,))) as running:
            there = calling(Signalling(running.http))
            await asyncio.wrap_future(network.caller.submit(there))

    async def calling(signalling: Signalling) -> None:
        check_unreachable(f"{SERVER}.2")
        async with httpx.AsyncClient(transport=signalling, base_url=BASE_URL) as http:
            linked = LINK.fullmatch((await http.options("/v1/calls")).headers["Link"])
            assert linked is not None
            async with Caller(http, [RTCIceServer(*linked.groups())]) as caller:
                await work(caller)

    network.server.submit(be_called()).result()


def check_unreachable(address: str) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as probe,
        pytest.raises(OSError, match="unreachable") as refused,
    ):
        probe.connect((address, 9))
    assert refused.value.errno == errno.ENETUNREACH


STATIC = IceServer(url=URL, username="u", credential="hush")
SHARED = IceServer(url=URL, secret="hush", credential_ttl_s=60)


@pytest.mark.parametrize(
    ("ice_server", "authentication"),
    [
        pytest.param(STATIC, ("--lt-cred-mech", "--user=u:hush"), id="static"),
        pytest.param(SHARED, ("--use-auth-secret", "--static-auth-secret=hush"), id="secret"),
        pytest.param(
            dataclasses.replace(SHARED, url=f"{URL}?transport=tcp"),
            ("--use-auth-secret", "--static-auth-secret=hush"),
            id="tcp",
        ),
    ],
)
def test_sound_and_picture_take_the_relay(
    network: Network,
    serve: Serve,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    ice_server: IceServer,
    authentication: tuple[str, ...],
) -> None:
    async def work(caller: Caller) -> None:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        await caller.until_pictures(is_bright)
        caller.speaker.loud = False
        await caller.until_sound(lambda rms: rms < 100)
        await caller.until_pictures(lambda colour: not is_bright(colour))

    for name in (None, "aioice", "aiortc", "httpx"):
        caplog.set_level(logging.DEBUG, name)
    with coturn(network.relay, RELAY, tmp_path, *authentication) as log:
        call(network, serve, ice_server, work)
    assert "relays nothing" not in caplog.text
    assert "CHANNEL_BIND processed, success" in log.read_text()
    # Those who know the secret have been heard, and did not tell it.
    assert {"aioice", "server"} <= {record.name.partition(".")[0] for record in caplog.records}
    assert "hush" not in caplog.text


def test_a_wrong_secret_opens_no_relay(
    network: Network, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(caller: Caller) -> None:
        response = await caller.post()
        assert response.status_code == 201
        assert "typ host" in response.text
        assert "typ relay" not in response.text

    authentication = ("--use-auth-secret", "--static-auth-secret=other")
    with coturn(network.relay, RELAY, tmp_path, *authentication):
        call(network, serve, SHARED, work)
    assert f"{URL} relays nothing for this server" in caplog.text
