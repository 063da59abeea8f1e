import dataclasses
from typing import Any

import pytest

from server.config import LimitsConfig
from tests.server.conftest import CONFIG, Serve, form
from tests.server.test_calls import SDP, problem

LIMITED = dataclasses.replace(
    CONFIG,
    limits=LimitsConfig(
        calls_per_minute=0.5,
        calls_burst=2,
        uploads_per_minute=0.5,
        uploads_burst=2,
        speeches_per_minute=0.5,
        speeches_burst=2,
    ),
)
NO_SDP = {"content": "x", "headers": SDP}


async def test_too_many_calls_are_asked_to_come_back(serve: Serve) -> None:
    async with serve(LIMITED) as running:
        for _ in range(2):
            response = await running.http.post("/v1/calls", content="x", headers=SDP)
            problem(response, 400, "invalid-sdp")
        response = await running.http.post("/v1/calls", content="x", headers=SDP)
        assert "more calls from one address than 0.5 a minute" in problem(
            response, 429, "too-many-requests"
        )
        assert 115 <= int(response.headers["Retry-After"]) <= 120
        metrics = running.server.services.metrics.registry
        assert metrics.get_sample_value("likeness_requests_limited_total") == 1
        # Hanging up is never refused, nor is anything that costs nothing.
        problem(await running.http.delete("/v1/calls/none"), 404, "unknown-call")
        assert (await running.http.options("/v1/calls")).status_code == 200


async def test_too_many_uploads_and_they_are_counted_apart(serve: Serve) -> None:
    async with serve(LIMITED) as running:
        for _ in range(2):
            response = await running.http.post("/v1/portraits", **form())
            assert response.status_code == 201
        response = await running.http.post("/v1/portraits", **form())
        assert "more uploads" in problem(response, 429, "too-many-requests")
        assert (await running.http.get("/v1/portraits")).status_code == 200
        response = await running.http.post("/v1/calls", content="x", headers=SDP)
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status", "what"),
    [
        ("POST", "/whip/first", NO_SDP, 400, "publishers"),
        ("POST", "/whep/first", NO_SDP, 400, "viewers"),
        ("PUT", "/v1/avatars/nobody/live", {}, 404, "performances"),
        ("PUT", "/v1/avatars/first", form(), 409, "avatars"),
        ("POST", "/v1/avatars/first/say", {"json": {"text": "!"}}, 422, "speeches"),
    ],
)
async def test_whatever_costs_the_server_something_is_limited(
    serve: Serve, method: str, path: str, arguments: dict[str, Any], status: int, what: str
) -> None:
    async with serve(LIMITED) as running:
        for _ in range(2):
            response = await running.http.request(method, path, **arguments)
            assert response.status_code == status, response.text
        response = await running.http.request(method, path, **arguments)
        assert f"more {what} from one address than 0.5" in problem(
            response, 429, "too-many-requests"
        )


async def test_other_addresses_are_not_held_up(serve: Serve) -> None:
    async with serve(LIMITED) as running, running.client("::1") as other:
        for _ in range(3):
            response = await running.http.post("/v1/calls", content="x", headers=SDP)
        assert response.status_code == 429
        assert (await other.post("/v1/calls", content="x", headers=SDP)).status_code == 400


async def test_who_has_no_key_uses_up_nothing(serve: Serve) -> None:
    async with serve(LIMITED) as running, running.client("203.0.113.5") as stranger:
        for _ in range(4):
            response = await stranger.post("/v1/calls", content="x", headers=SDP)
            assert response.status_code == 403
