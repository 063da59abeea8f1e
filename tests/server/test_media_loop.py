"""Which ports the loop gives; each test runs one of its own."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Coroutine

import pytest

from server.media_loop import MediaLoop
from tests.server.caller import Caller
from tests.server.conftest import Serve
from tests.server.test_call import is_bright

# Below those that Linux chooses from (32768 to 60999) for who asks for any.
LOWEST, HIGHEST = 20_000, 32_000
RANGE = 20


@pytest.fixture
def low() -> int:
    """The first of RANGE ports that nobody uses now; not where another test run looks first."""
    choices = range(LOWEST, HIGHEST, RANGE)
    begin = os.getpid() % len(choices)
    ports: list[int] = [*choices[begin:], *choices[:begin]]
    return next(filter(are_free, ports))


def are_free(first: int) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            for port in range(first, first + RANGE):
                for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):
                    bound = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    bound.bind((address, port))
        except OSError:
            return False
    return True


def run(udp_ports: tuple[int, int] | None, work: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: MediaLoop(udp_ports)) as runner:
        runner.run(work)


async def open_endpoint(address: str = "127.0.0.1", port: int = 0) -> asyncio.DatagramTransport:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=(address, port)
    )
    return transport


def port_of(transport: asyncio.DatagramTransport) -> int:
    port: int = transport.get_extra_info("sockname")[1]
    return port


async def close(*transports: asyncio.DatagramTransport) -> None:
    for transport in transports:
        transport.close()
    await asyncio.sleep(0)  # uvloop closes in the next round


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_each_gets_another_port_of_the_range(
    address: str, low: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        opened = [await open_endpoint(address) for _ in range(3)]
        assert sorted(map(port_of, opened)) == [low, low + 1, low + 2]
        taken = f"{low} to {low + 2} of .* widen call.udp_ports"
        with pytest.raises(OSError, match=taken) as refused:
            await open_endpoint(address)
        assert refused.value.errno == errno.EADDRINUSE
        assert "widen call.udp_ports" in caplog.text
        await close(opened[1])
        again = await open_endpoint(address)
        assert port_of(again) == low + 1
        await close(opened[0], opened[2], again)

    with caplog.at_level(logging.WARNING):
        run((low, low + 2), work())


def test_a_port_that_was_left_comes_last(low: int) -> None:
    async def work() -> None:
        ports = []
        for _ in range(4):
            transport = await open_endpoint()
            ports.append(port_of(transport))
            await close(transport)
        assert ports == [low, low + 1, low + 2, low]

    run((low, low + 2), work())


def test_who_names_a_port_gets_it(low: int) -> None:
    async def work() -> None:
        transport = await open_endpoint(port=low + 3)
        assert port_of(transport) == low + 3
        await close(transport)

    run((low, low + 2), work())


def test_without_a_range_any_port_is_given() -> None:
    async def work() -> None:
        transport = await open_endpoint()
        assert port_of(transport) not in range(LOWEST, HIGHEST)
        await close(transport)

    run(None, work())


def test_an_address_of_another_machine_is_refused_at_once(low: int) -> None:
    async def work() -> None:
        with pytest.raises(OSError, match="assign") as refused:
            await open_endpoint("192.0.2.1")
        assert refused.value.errno == errno.EADDRNOTAVAIL

    run((low, low + 2), work())


def test_a_call_uses_the_range(serve: Serve, low: int) -> None:
    async def work() -> None:
        async with serve() as running, Caller(running.http) as caller:
            await caller.connect()
            await caller.until_pictures(is_bright)
            assert caller.response is not None
            answer = caller.response.text
        lines = [line.split() for line in answer.splitlines() if line.startswith("a=candidate")]
        ports = {int(line[5]) for line in lines}
        assert ports
        assert ports <= set(range(low, low + RANGE))

    run((low, low + RANGE - 1), work())
