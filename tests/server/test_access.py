"""Who is served: by key, and by where the request comes from. RFC 6750 section 3."""

import dataclasses
import logging
from datetime import UTC, datetime, timedelta

import pytest

from server.config import HttpConfig
from server.keys import Scope
from tests.server.caller import Caller
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.test_calls import SDP, problem

ELSEWHERE = "203.0.113.5"
FORWARDED = {"X-Forwarded-For": ELSEWHERE}
STRICT = dataclasses.replace(CONFIG, http=HttpConfig(require_key_on_loopback=True))


def add(running: Running, *scopes: Scope, days: int | None = None) -> str:
    now = datetime.now(UTC)
    expires = None if days is None else now + timedelta(days)
    name = f"key-{len(running.keys.current())}"
    return running.keys.add(name, frozenset(scopes), now, expires)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


# What describes the interface to people would load scripts from elsewhere.
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_no_page_takes_scripts_from_elsewhere(serve: Serve, path: str) -> None:
    async with serve(ready=False) as running:
        assert (await running.http.get(path)).status_code == 404


async def test_a_call_with_a_key_from_elsewhere(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.PUBLISH)
        async with running.client(ELSEWHERE, key) as client, Caller(client) as caller:
            await caller.connect()
            assert (await client.delete(caller.location)).status_code == 200


async def test_the_challenge_to_who_has_no_key(serve: Serve) -> None:
    async with serve() as running, running.client(ELSEWHERE) as client:
        add(running, Scope.VIEW)
        for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
            response = await client.get("/v1/portraits", headers=headers)
            assert "expected one with the scope view" in problem(response, 401, "key-required")
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="likeness"'


async def test_the_challenge_to_a_key_that_is_not_known(serve: Serve) -> None:
    async with serve() as running, running.client(ELSEWHERE) as client:
        key = add(running, Scope.VIEW)
        last = "1" if key[-1] == "0" else "0"
        for wrong in ("wrong", key[:-1], key[:-1] + last, key.upper()):
            response = await client.get("/v1/portraits", headers=bearer(wrong))
            said = problem(response, 401, "invalid-key")
            assert wrong not in said
            challenge = response.headers["WWW-Authenticate"]
            assert challenge == 'Bearer realm="likeness", error="invalid_token"'
        lower = await client.get("/v1/portraits", headers={"Authorization": f"bearer {key}"})
        assert lower.status_code == 200, "schemes are case-insensitive (RFC 9110 section 11.1)"


async def test_the_challenge_to_the_wrong_scope(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.VIEW)
        async with running.client(ELSEWHERE, key) as client:
            response = await client.post("/v1/calls", content="x", headers=SDP)
            assert "has not the scope publish" in problem(response, 403, "insufficient-scope")
            assert response.headers["WWW-Authenticate"] == (
                'Bearer realm="likeness", error="insufficient_scope", scope="publish"'
            )


async def test_an_expired_key(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.ADMIN, days=-1)
        for address in (ELSEWHERE, "127.0.0.1"):
            async with running.client(address, key) as client:
                response = await client.get("/v1/portraits")
                assert "'key-0' expired at" in problem(response, 401, "invalid-key")
                assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


async def test_a_key_opens_and_closes_a_running_server(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.VIEW)
        add(running, Scope.ADMIN)
        async with running.client(ELSEWHERE, key) as client:
            assert (await client.get("/v1/portraits")).status_code == 200
            running.keys.remove("key-0")
            problem(await client.get("/v1/portraits"), 401, "invalid-key")


async def test_this_machine_needs_no_key_though_there_are_some(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.VIEW)
        assert (await running.http.get("/metrics")).status_code == 200
        async with running.client("::1") as client:
            assert (await client.get("/metrics")).status_code == 200
        # One that is given counts nevertheless: what it allows can be tried here.
        response = await running.http.get("/metrics", headers=bearer(key))
        problem(response, 403, "insufficient-scope")


async def test_what_a_proxy_forwards_is_not_this_machines(serve: Serve) -> None:
    async with serve() as running:
        for headers in (FORWARDED, {"Forwarded": "for=127.0.0.1"}):
            response = await running.http.get("/metrics", headers=headers)
            problem(response, 403, "no-keys")
        key = add(running, Scope.ADMIN)
        problem(await running.http.get("/metrics", headers=FORWARDED), 401, "key-required")
        response = await running.http.get("/metrics", headers=FORWARDED | bearer(key))
        assert response.status_code == 200


async def test_a_key_can_be_required_of_this_machine_too(serve: Serve) -> None:
    async with serve(STRICT) as running:
        said = problem(await running.http.get("/metrics"), 403, "no-keys")
        assert "serves nobody" in said
        key = add(running, Scope.ADMIN)
        problem(await running.http.get("/metrics"), 401, "key-required")
        assert (await running.http.get("/metrics", headers=bearer(key))).status_code == 200


async def test_a_damaged_file_lets_nobody_in_and_is_logged_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as running:
        key = add(running, Scope.ADMIN)
        running.keys.path.write_text("{")
        caplog.clear()
        async with running.client(ELSEWHERE, key) as client:
            with caplog.at_level(logging.ERROR):
                for _ in range(3):
                    said = problem(await client.get("/metrics"), 500, "keys-unreadable")
                    assert str(running.keys.path) not in said
        assert [record.getMessage() for record in caplog.records] == ["the keys cannot be read"]
        assert str(running.keys.path) in vars(caplog.records[0])["reason"]
        assert (await running.http.get("/metrics")).status_code == 200, "this machine needs none"
