"""Connections as uvicorn is told to serve them, on a real port, with the smallest application."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from server import serving

# Of which each test waits for one to pass.
HEAD_TIMEOUT_S = 0.2


async def slow(_: Request) -> Response:
    """Answer when a connection without a request is long closed."""
    await asyncio.sleep(2 * HEAD_TIMEOUT_S)
    return PlainTextResponse("slow")


async def refuse(_: Request) -> Response:
    """Answer without a look at the body."""
    return PlainTextResponse("no", 403)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await asyncio.sleep(2 * HEAD_TIMEOUT_S)
    await socket.send_text(await socket.receive_text())


ROUTES = [
    Route("/slow", slow),
    Route("/refuse", refuse, methods=["POST"]),
    WebSocketRoute("/echo", echo),
]


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    """Serve the routes; yield the port."""
    config = serving.config(Starlette(routes=ROUTES), port=0, lifespan="off")
    web = uvicorn.Server(config)
    listener = config.bind_socket()
    listener.listen()
    task = asyncio.create_task(web._serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        web.should_exit = True
        await task
        listener.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIMEOUT_S", HEAD_TIMEOUT_S)


@pytest.mark.parametrize("sent", [b"", b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Dri"])
async def test_a_connection_without_a_request_is_closed(sent: bytes) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_a_body_that_drips_after_its_answer_does_not_keep_the_connection() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
        # For uvicorn, this is a connection in use.
        writer.write(b"x")
        async with asyncio.timeout(20):
            assert (await reader.read()).endswith(b"no")
        writer.close()


async def test_a_request_may_take_longer_and_another_follow_on_its_connection() -> None:
    addresses = set()
    async with served() as port, httpx.AsyncClient() as http:
        for _ in range(2):
            async with http.stream("GET", f"http://127.0.0.1:{port}/slow") as response:
                connection = response.extensions["network_stream"]
                addresses.add(connection.get_extra_info("client_addr"))
                assert await response.aread() == b"slow"
    assert len(addresses) == 1


async def test_a_socket_stays_open_and_nothing_is_compressed() -> None:
    async with (
        served() as port,
        connect(f"ws://127.0.0.1:{port}/echo", proxy=None, compression="deflate") as socket,
    ):
        assert socket.protocol.extensions == []
        await socket.send("still there")
        assert await socket.recv() == "still there"


def test_as_many_files_may_be_open_as_the_system_permits() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(before[1], 65_536) if before[1] != resource.RLIM_INFINITY else 65_536
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted - 1, before[1]))
        serving.raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
