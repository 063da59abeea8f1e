"""HEAD of what can be got: the same header, nothing else, and over at once."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from server.head_requests import HeadRequests
from server.listeners import MAX_LISTENERS
from tests.server.conftest import Serve


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/avatars", "/openapi.json", "/app.js", "/whip/first"]
)
async def test_it_has_the_header_of_get(serve: Serve, path: str) -> None:
    async with serve() as running:
        got, head = await running.http.get(path), await running.http.head(path)
        assert head.status_code == got.status_code < 300
        assert head.headers.get("Content-Type") == got.headers.get("Content-Type")
        assert head.headers.get("Content-Length") == got.headers.get("Content-Length")
        assert head.content == b""


async def test_of_a_stream_of_events_it_does_not_wait_for_any(serve: Serve) -> None:
    async with serve() as running:
        # Were any of them still listening, there would be no room for the last.
        for _ in range(MAX_LISTENERS + 1):
            async with asyncio.timeout(5):
                response = await running.http.head("/v1/avatars/first/events")
            assert response.status_code == 200
            assert response.headers["Content-Type"].startswith("text/event-stream")


async def test_of_what_is_not_there_it_is_refused_as_get(serve: Serve) -> None:
    async with serve() as running:
        response: httpx.Response = await running.http.head("/v1/avatars/nobody")
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_range_is_of_no_concern_to_it(serve: Serve) -> None:
    async with serve() as running:
        part = {"Range": "bytes=0-9"}
        assert (await running.http.get("/app.js", headers=part)).status_code == 206
        assert (await running.http.head("/app.js", headers=part)).status_code == 200


async def test_a_failure_arrives_as_itself() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        await HeadRequests(broken)({"type": "http", "method": "HEAD", "headers": []}, never, never)


async def test_who_hangs_up_ends_it() -> None:
    ended = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    scope = {"type": "http", "method": "HEAD", "headers": []}
    request = asyncio.ensure_future(HeadRequests(slow)(scope, never, never))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert ended.is_set()


async def never(*_: object) -> Any:
    raise AssertionError("nothing is received or sent")
