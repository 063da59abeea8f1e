"""Who publishes and who watches comes and goes in every way but the polite one."""

import pytest

from server.config import CallConfig
from tests.server.caller import Broadcaster, Watcher
from tests.server.conftest import Serve, with_calls
from tests.server.test_calls import problem
from tests.server.test_whip import Kind, both


@pytest.mark.parametrize("name", ["a b", "%2e%2e", "ä", "first%0d%0aX-Y:%20z", "💬"])
async def test_a_name_with_odd_characters_is_only_unknown(serve: Serve, name: str) -> None:
    async with serve() as running:
        for peer in (Broadcaster(running.http, name), Watcher(running.http, name)):
            async with peer:
                response = await peer.post()
                assert response.status_code in (404, 405), response.text
                assert "X-Y" not in response.headers
        assert running.server.admission.sessions == 0


async def test_a_publisher_that_sends_nothing_is_let_go(serve: Serve) -> None:
    config = with_calls(CallConfig(max_sessions=2, no_microphone_timeout_s=1))
    async with serve(config) as running, Broadcaster(running.http, "first") as publisher:
        await publisher.connect()
        publisher.speaker.stop()
        await running.until_ended("publisher")
        assert (await running.server.performances.get("first")).source is None


@both
async def test_who_vanishes_is_let_go(
    serve: Serve, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    config = with_calls(CallConfig(max_sessions=2, no_microphone_timeout_s=1))
    async with serve(config) as running, kind(running.http, "first") as peer:
        await running.http.put("/v1/avatars/first/live")
        await peer.connect()
        await peer.vanish()
        await running.until_ended("publisher" if kind is Broadcaster else "viewer")
        performance = await running.server.performances.get("first")
        assert performance.source is None
        assert performance.broadcast.viewers == 0


async def test_who_watches_is_hung_up_on_when_the_performance_ends(serve: Serve) -> None:
    async with (
        serve() as running,
        Broadcaster(running.http, "first") as publisher,
        Watcher(running.http, "first") as watcher,
    ):
        await publisher.connect()
        await watcher.connect()
        assert (await running.http.delete("/v1/avatars/first/live")).status_code == 204
        await running.until_ended("viewer")
        await running.until_ended("publisher")
        problem(await running.http.delete(watcher.location), 404, "unknown-viewer")
        problem(await running.http.delete(publisher.location), 404, "unknown-publisher")
