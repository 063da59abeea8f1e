"""Whose performance it is: another publish key neither ends it nor silences it."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from server.keys import Scope
from tests.server.caller import Broadcaster
from tests.server.conftest import Running, Serve
from tests.server.saying import SAY, queue, say
from tests.server.sockets import listening, voice
from tests.server.test_access import ELSEWHERE, add
from tests.server.test_calls import problem

LIVE = "/v1/avatars/first/live"
PAUSE = f"{SAY}/pause"


@contextlib.asynccontextmanager
async def with_key(running: Running, scope: Scope) -> AsyncIterator[httpx.AsyncClient]:
    async with running.client(ELSEWHERE, add(running, scope)) as client:
        yield client


@pytest.mark.parametrize("how", ["live", "say", "whip", "audio"])
async def test_who_began_it_ends_it_and_no_other(serve: Serve, how: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(serve())
        key = add(running, Scope.PUBLISH)
        one = await stack.enter_async_context(running.client(ELSEWHERE, key))
        other = await stack.enter_async_context(with_key(running, Scope.PUBLISH))
        if how == "live":
            await one.put(LIVE)
        elif how == "say":
            await one.post(SAY, json={"text": "One."})
        elif how == "whip":
            publisher = await stack.enter_async_context(Broadcaster(one, "first"))
            assert (await publisher.post()).status_code == 201
        else:
            address = await stack.enter_async_context(listening(running))
            client = await stack.enter_async_context(voice(address))
            await client.start(key=key)
        said = problem(await other.delete(LIVE), 403, "not-yours")
        assert "another key" in said
        # That another asks for it too makes it no more theirs.
        await other.put(LIVE)
        problem(await other.delete(LIVE), 403, "not-yours")
        assert (await one.delete(LIVE)).status_code == 204


@pytest.mark.parametrize("scope", [Scope.ADMIN, None])
async def test_admins_and_this_machine_end_all(serve: Serve, scope: Scope | None) -> None:
    async with serve() as running, with_key(running, Scope.PUBLISH) as one:
        await one.put(LIVE)
        if scope is None:
            assert (await running.http.delete(LIVE)).status_code == 204
        else:
            async with with_key(running, scope) as admin:
                assert (await admin.delete(LIVE)).status_code == 204


async def test_what_this_machine_began_a_publish_key_does_not_end(serve: Serve) -> None:
    async with serve() as running, with_key(running, Scope.PUBLISH) as other:
        await running.http.put(LIVE)
        problem(await other.delete(LIVE), 403, "not-yours")
        assert (await running.http.delete(LIVE)).status_code == 204


async def test_who_may_end_nothing_is_told_first_that_nothing_is_live(serve: Serve) -> None:
    async with serve() as running, with_key(running, Scope.PUBLISH) as other:
        problem(await other.delete(LIVE), 409, "not-live")
        problem(await other.delete("/v1/avatars/nobody/live"), 404, "unknown-avatar")


async def test_what_is_said_is_stopped_by_whose_performance_it_is(serve: Serve) -> None:
    async with (
        serve() as running,
        with_key(running, Scope.PUBLISH) as one,
        with_key(running, Scope.PUBLISH) as other,
    ):
        running.voice.tone_ms = 20_000
        await one.put(LIVE)
        assert (await one.post(SAY, json={"text": "One."})).status_code == 202
        problem(await other.delete(SAY), 403, "not-yours")
        problem(await other.put(PAUSE, json={"paused": True}), 403, "not-yours")
        assert len(await queue(running)) == 1
        assert (await one.put(PAUSE, json={"paused": True})).status_code == 200
        assert (await one.delete(SAY)).status_code == 204
        assert await queue(running) == []
        # With nothing to silence, nobody is hurt.
        assert (await other.delete(SAY)).status_code == 204


async def test_a_guest_stops_its_own_words_but_not_those_of_others_with_them(serve: Serve) -> None:
    async with (
        serve() as running,
        with_key(running, Scope.PUBLISH) as host,
        with_key(running, Scope.PUBLISH) as guest,
    ):
        running.voice.tone_ms = 20_000
        await host.put(LIVE)
        await guest.post(SAY, json={"text": "One."})
        assert (await guest.put(PAUSE, json={"paused": True})).status_code == 200
        await host.post(SAY, json={"text": "Two."})
        problem(await guest.delete(SAY), 403, "not-yours")
        assert (await host.delete(SAY)).status_code == 204
        await guest.post(SAY, json={"text": "Three."})
        assert (await guest.delete(SAY)).status_code == 204


async def test_this_machine_needs_no_key_for_any_of_it(serve: Serve) -> None:
    async with serve() as running, with_key(running, Scope.PUBLISH) as other:
        running.voice.tone_ms = 20_000
        await say(running, "One.")
        problem(await other.delete(SAY), 403, "not-yours")
        assert (await running.http.put(PAUSE, json={"paused": True})).status_code == 200
        assert (await running.http.delete(SAY)).status_code == 204
        assert (await running.http.delete(LIVE)).status_code == 204
