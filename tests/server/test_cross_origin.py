"""Pages of other sites: kept out unless they are named."""

import dataclasses
from datetime import UTC, datetime

import httpx
import pytest

from server.config import HttpConfig
from server.keys import Scope
from tests.server.caller import Caller
from tests.server.conftest import BASE_URL, CONFIG, Serve, form
from tests.server.test_calls import SDP, problem

ORIGIN = "https://app.example.org"
NAMED = dataclasses.replace(CONFIG, http=HttpConfig(allowed_origins=(ORIGIN,)))


async def preflight(
    http: httpx.AsyncClient,
    origin: str,
    method: str,
    headers: str = "authorization, content-type",
    path: str = "/v1/calls",
) -> httpx.Response:
    return await http.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


def allows(response: httpx.Response) -> list[str]:
    return [name for name in response.headers if name.startswith("access-control-allow")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"])
async def test_a_named_site_may_ask(serve: Serve, method: str) -> None:
    """The preflight carries no key, and needs none (Fetch, section 3.3.5)."""
    async with serve(NAMED, ready=False) as running, running.client("203.0.113.5") as stranger:
        response = await preflight(
            stranger, ORIGIN, method, "authorization, if-match, if-none-match"
        )
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert method in response.headers["Access-Control-Allow-Methods"]
        allowed = response.headers["Access-Control-Allow-Headers"].lower()
        assert {"authorization", "content-type", "if-match", "if-none-match"} <= set(
            allowed.split(", ")
        )
        assert "Origin" in response.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_named_site_can_read_what_a_call_needs(serve: Serve) -> None:
    async with serve(NAMED) as running, Caller(running.http) as caller:
        running.http.headers["Origin"] = ORIGIN
        response = await caller.post()
        assert response.status_code == 201
        exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"Location", "ETag", "Link", "Retry-After"} <= exposed
        refused = await running.http.post("/v1/calls", content="x", headers=SDP)
        assert refused.status_code == 400
        assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_a_refusal_for_want_of_a_key_can_be_read_too(serve: Serve) -> None:
    async with serve(NAMED, ready=False) as running, running.client("203.0.113.5") as stranger:
        response = await stranger.get("/v1/portraits", headers={"Origin": ORIGIN})
        assert response.status_code == 403
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("config", [NAMED, CONFIG])
async def test_other_sites_are_kept_out(serve: Serve, config: object) -> None:
    async with serve(config, ready=False) as running:
        for origin in ("https://evil.example", "http://app.example.org", f"{ORIGIN}.evil.example"):
            assert "access-control-allow-origin" not in allows(
                await preflight(running.http, origin, "POST")
            )
            response = await running.http.get("/v1/portraits", headers={"Origin": origin})
            assert allows(response) == []


async def test_all_sites_if_a_key_is_always_required(serve: Serve) -> None:
    http = HttpConfig(allowed_origins=("*",), require_key_on_loopback=True)
    config = dataclasses.replace(CONFIG, http=http)
    async with serve(config, ready=False) as running:
        response = await preflight(running.http, ORIGIN, "POST")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_page_of_another_site_changes_nothing_without_a_key(serve: Serve) -> None:
    # A form is sent to any server without being asked for first.
    async with serve(NAMED) as running:
        foreign = {"Origin": "https://evil.example"}
        for path in ("/v1/portraits", "/v1/avatars/first/say"):
            refused = await running.http.post(path, headers=foreign, **form())
            assert "evil.example" in problem(refused, 403, "foreign-origin")
        for origin in (ORIGIN, BASE_URL):
            response = await running.http.post(
                "/v1/portraits", headers={"Origin": origin}, **form()
            )
            assert response.status_code == 201
        assert (await running.http.get("/v1/portraits", headers=foreign)).status_code == 200
        secret = running.keys.add("program", frozenset({Scope.PUBLISH}), datetime.now(UTC), None)
        async with running.client("127.0.0.1", secret) as with_key:
            response = await with_key.post("/v1/portraits", headers=foreign, **form())
            assert response.status_code == 201
