"""The life of a server: what may fail after its start, and in which order it ends."""

import asyncio
import dataclasses

import pytest

from server.config import ConfigError
from server.outgoing_config import PublishConfig
from tests.server.conftest import CONFIG, Serve

TARGET = PublishConfig(url="http://127.0.0.1:9/whip")


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("server.pushes.Pushes.begin", "publishing failed"),
        ("server.app.prepare_portraits", "preparing portraits failed"),
        ("server.recordings.Recordings.sign_left_overs", "signing what was left over failed"),
    ],
)
async def test_what_fails_once_calls_are_taken_ends_none_of_them(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
    what: str,
) -> None:
    all_tried = asyncio.Event()

    async def fail(*_: object) -> None:
        raise KeyError("a bug")

    async def last(*_: object) -> None:
        all_tried.set()
        if "sign" in broken:
            raise KeyError("a bug")

    monkeypatch.setattr(broken, fail)
    monkeypatch.setattr("server.recordings.Recordings.sign_left_overs", last)
    async with serve(dataclasses.replace(CONFIG, publish=(TARGET,))) as running:
        async with asyncio.timeout(20):
            await all_tried.wait()
        assert (await running.http.get("/readyz")).status_code == 200
        assert not running.stopped.is_set()
        assert running.server.failure is None
    told = [record for record in caplog.records if record.getMessage().startswith(what)]
    assert [record.exc_info is not None for record in told] == [True]


async def test_an_avatar_that_is_named_twice_to_be_published_is_refused(serve: Serve) -> None:
    # "first" is the default one.
    twice = TARGET, dataclasses.replace(TARGET, avatar="first")
    with pytest.raises(ConfigError, match="found two for 'first', which is the default one"):
        async with serve(dataclasses.replace(CONFIG, publish=twice)):
            pass


async def test_callers_are_told_of_the_end_before_other_servers_are(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    async with serve() as running:
        for name in ("pushes", "calls", "performances"):
            part = getattr(running.server, name)
            close = part.aclose

            async def noting(name: str = name, close=close) -> None:  # type: ignore[no-untyped-def]
                ended.append(name)
                await close()

            monkeypatch.setattr(part, "aclose", noting)
    assert ended == ["calls", "pushes", "performances"]
