"""Every way a call ends: what its browser is told, what is counted, and that its place is free."""

import asyncio

import pytest

from server import messages
from server.config import CallConfig
from server.lifecycle import Ending
from server.session import Session
from tests.server.caller import Caller
from tests.server.conftest import Running, Serve, with_calls
from tests.server.test_calls import problem


def ended(running: Running, ending: Ending) -> float:
    value = running.server.services.metrics.registry.get_sample_value(
        "likeness_calls_ended_total", {"reason": ending.value}
    )
    assert value is not None
    return value


async def until_free(running: Running, location: str) -> None:
    """Wait until the call at ``location`` has left, by the task that runs it."""
    async with asyncio.timeout(20):
        await running.server.calls.ended(location.rpartition("/")[2])


async def test_hanging_up_says_goodbye_and_frees_the_place(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        assert running.server.admission.sessions == 1
        assert (await running.http.delete(caller.location)).status_code == 200
        assert running.server.admission.sessions == 0
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith(("call ", "session "))]
        goodbye = await caller.until_message(messages.Ended)
        assert goodbye == messages.Ended(reason="hung_up")
        problem(await running.http.delete(caller.location), 404, "unknown-call")
        assert ended(running, Ending.HUNG_UP) == 1


async def test_the_browser_closes_its_connection(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.peer.close()
        await until_free(running, caller.location)
        assert running.server.admission.sessions == 0
        assert ended(running, Ending.CLIENT_GONE) == 1


async def test_the_browser_vanishes(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.vanish()
        await until_free(running, caller.location)
        assert ended(running, Ending.CLIENT_GONE) == 1


async def test_ice_that_never_completes(serve: Serve) -> None:
    config = with_calls(CallConfig(max_sessions=1, connect_timeout_s=1))
    async with serve(config) as running, Caller(running.http) as caller:
        response = await caller.post()
        assert response.status_code == 201
        await until_free(running, response.headers["Location"])
        assert running.server.admission.sessions == 0
        assert ended(running, Ending.CONNECT_TIMEOUT) == 1


async def test_nobody_is_there(serve: Serve) -> None:
    # Connecting takes of it, and of a busy machine's more than a second.
    config = with_calls(CallConfig(max_sessions=1, idle_timeout_s=4))
    async with serve(config) as running, Caller(running.http) as caller:
        caller.speaker.loud = False
        await caller.connect()
        assert await caller.until_message(messages.Ended) == messages.Ended(reason="idle")
        await until_free(running, caller.location)
        assert ended(running, Ending.IDLE) == 1


async def test_the_server_stops(serve: Serve) -> None:
    async with serve() as running:
        caller = Caller(running.http)
        await caller.connect()
        server = running.server
    assert await caller.until_message(messages.Ended) == messages.Ended(reason="server_shutdown")
    assert server.admission.sessions == 0
    await caller.__aexit__(None, None, None)


async def test_a_computation_fails(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        running.avatar.failure = RuntimeError("out of memory")
        error = await caller.until_message(messages.Error)
        assert isinstance(error, messages.Error)
        assert error.fatal
        assert error.code == "inference-failed"
        assert "out of memory" in error.message
        await until_free(running, caller.location)
        assert ended(running, Ending.INFERENCE_FAILED) == 1
        assert (await running.http.get("/healthz")).status_code == 200
        running.avatar.failure = None
        async with Caller(running.http) as next_caller:
            await next_caller.connect()
            await next_caller.until(lambda: len(next_caller.pictures) > 3)


async def test_a_bug_ends_the_call_and_is_not_silent(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = asyncio.Event()

    async def fail(_: Session) -> None:
        await broken.wait()
        raise KeyError("a bug")

    monkeypatch.setattr(Session, "_note_use", fail)
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        broken.set()
        last = await caller.until_message(messages.Ended)
        assert last == messages.Ended(reason="internal_error")
        await until_free(running, caller.location)
        assert running.server.admission.sessions == 0
        assert ended(running, Ending.INTERNAL_ERROR) == 1
    assert "the call failed" in caplog.text
    assert "a bug" in caplog.text
