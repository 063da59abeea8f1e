"""Which ports the loop gives; each test runs one of its own."""

import asyncio
import errno
import logging
from collections.abc import Coroutine

import pytest

from server.media_loop import MediaLoop
from tests.server.caller import Caller
from tests.server.conftest import Serve
from tests.server.test_call import is_bright

# Below those that Linux chooses from (32768 to 60999) for who asks for any.
LOW, HIGH = 23_400, 23_402


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
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        opened = [await open_endpoint(address) for _ in range(3)]
        assert sorted(map(port_of, opened)) == [LOW, LOW + 1, HIGH]
        with pytest.raises(OSError, match=r"23400 to 23402 of .* widen call.udp_ports") as refused:
            await open_endpoint(address)
        assert refused.value.errno == errno.EADDRINUSE
        assert "widen call.udp_ports" in caplog.text
        await close(opened[1])
        again = await open_endpoint(address)
        assert port_of(again) == LOW + 1
        await close(opened[0], opened[2], again)

    with caplog.at_level(logging.WARNING):
        run((LOW, HIGH), work())


def test_a_port_that_was_left_comes_last() -> None:
    async def work() -> None:
        ports = []
        for _ in range(4):
            transport = await open_endpoint()
            ports.append(port_of(transport))
            await close(transport)
        assert ports == [LOW, LOW + 1, HIGH, LOW]

    run((LOW, HIGH), work())


def test_who_names_a_port_gets_it() -> None:
    async def work() -> None:
        transport = await open_endpoint(port=HIGH + 1)
        assert port_of(transport) == HIGH + 1
        await close(transport)

    run((LOW, HIGH), work())


def test_without_a_range_any_port_is_given() -> None:
    async def work() -> None:
        transport = await open_endpoint()
        assert port_of(transport) not in range(LOW, HIGH + 1)
        await close(transport)

    run(None, work())


def test_an_address_of_another_machine_is_refused_at_once() -> None:
    async def work() -> None:
        with pytest.raises(OSError, match="assign") as refused:
            await open_endpoint("192.0.2.1")
        assert refused.value.errno == errno.EADDRNOTAVAIL

    run((LOW, HIGH), work())


def test_a_call_uses_the_range(serve: Serve) -> None:
    async def work() -> None:
        async with serve() as running, Caller(running.http) as caller:
            await caller.connect()
            await caller.until_pictures(is_bright)
            assert caller.response is not None
            answer = caller.response.text
        lines = [line.split() for line in answer.splitlines() if line.startswith("a=candidate")]
        ports = {int(line[5]) for line in lines}
        assert ports
        assert ports <= set(range(LOW, LOW + 20))

    run((LOW, LOW + 19), work())
