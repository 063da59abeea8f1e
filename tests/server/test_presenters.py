"""Presenters: which there are, and how long."""

import dataclasses

import pytest

from server.config import AvatarConfig, CallConfig
from server.presenter import Presenter
from tests.server.conftest import CONFIG, Serve, with_calls
from tests.server.saying import SAY, listened, queue, say
from tests.server.test_avatars import make


async def test_a_pause_that_is_forgotten_ends(serve: Serve) -> None:
    async with listened(serve, with_calls(CallConfig(idle_timeout_s=1))) as at:
        at.running.voice.tone_ms = 5000
        await say(at.running, "One. Two.")
        await at.running.http.put(SAY + "/pause", json={"paused": True})
        stopped = await at.events.until("stopped")
        assert stopped["code"] == "idle"
        assert "paused for 1 s" in stopped["detail"]
        assert (await at.events.until("ended", 2))["interrupted"] is True
        assert await queue(at.running) == []
        # Its place is free: others may speak, and the performance may end.
        assert (await at.running.http.get("/v1/avatars/first/live")).json()["source"] is None
        assert at.events.of("paused") == [{"paused": True}, {"paused": False}]


async def test_what_is_spoken_on_is_not_forgotten(serve: Serve) -> None:
    async with listened(serve, with_calls(CallConfig(idle_timeout_s=1))) as at:
        at.running.voice.tone_ms = 2000
        await say(at.running, "One.")
        for paused in (True, False):
            await at.running.http.put(SAY + "/pause", json={"paused": paused})
        assert (await at.events.until("ended"))["interrupted"] is False
        assert at.events.of("stopped") == []


async def test_a_presenter_that_is_forgotten_while_a_text_comes_is_known_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as running:
        running.voice.tone_ms = 5000
        presenters = running.server.presenters
        get = presenters.get

        async def forgetting(name: str) -> Presenter:
            found = await get(name)
            # Whoever asks for another makes room for it.
            await get("second")
            return found

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(presenters, "get", forgetting)
            assert (await say(running, "One.")).status_code == 202
        assert [sentence["text"] for sentence in await queue(running)] == ["One."]
        assert (await running.http.delete(SAY)).status_code == 204
        assert await queue(running) == []


async def test_nothing_is_prepared_to_tell_what_is_said(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIG, avatars=AvatarConfig(max_prepared=1))
    async with serve(config) as running:
        for name in ("ann", "bob"):
            await make(running, name)
        # Ann would be prepared anew.
        monkeypatch.setattr(running.avatar, "identify", None)
        assert (await running.http.get("/v1/avatars/ann/say")).json()["sentences"] == []
