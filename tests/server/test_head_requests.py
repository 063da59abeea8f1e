"""HEAD of what can be got: the same header, nothing else, and over at once."""

import asyncio

import httpx
import pytest

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
