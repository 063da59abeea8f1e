"""Who may watch: as many as there are places, also when all of them come at the same time."""

import dataclasses

import pytest

from server import trickle
from server.config import CallConfig, Config, PerformanceConfig
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.test_calls import problem

SDP = {"Content-Type": "application/sdp"}


def with_places(max_viewers: int, connect_timeout_s: float = 15) -> Config:
    return dataclasses.replace(
        CONFIG,
        performance=PerformanceConfig(max_viewers=max_viewers),
        call=CallConfig(max_sessions=2, connect_timeout_s=connect_timeout_s),
    )


async def offer(running: Running) -> str:
    """Make the avatar "first" live; return an offer to watch it that nobody will go on with."""
    await running.http.put("/v1/avatars/first/live")
    async with Watcher(running.http, "first") as watcher:
        return await watcher.offer()


async def places_taken(running: Running) -> int:
    return (await running.server.performances.get("first")).broadcast.places_taken


async def test_who_is_answered_has_a_place_before_it_is_connected(serve: Serve) -> None:
    async with serve(with_places(2)) as running:
        content = await offer(running)
        answers = [
            await running.http.post("/whep/first", content=content, headers=SDP) for _ in range(4)
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 503, 503]
        problem(answers[-1], 503, "too-many-viewers")
        assert await places_taken(running) == 2
        assert (await running.http.delete(answers[0].headers["Location"])).status_code == 200
        assert await places_taken(running) == 1
        again = await running.http.post("/whep/first", content=content, headers=SDP)
        assert again.status_code == 201


async def test_who_never_connects_gives_its_place_back(serve: Serve) -> None:
    async with serve(with_places(1, connect_timeout_s=1)) as running:
        content = await offer(running)
        for _ in range(2):
            answer = await running.http.post("/whep/first", content=content, headers=SDP)
            assert answer.status_code == 201, answer.text
            await running.until_ended("viewer")
            assert await places_taken(running) == 0


async def test_who_is_refused_takes_no_place(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(with_places(1)) as running:
        content = await offer(running)
        with monkeypatch.context() as patch:
            patch.setattr(trickle, "MAX_CANDIDATES", 0)
            refused = await running.http.post("/whep/first", content=content, headers=SDP)
            assert refused.status_code == 422, refused.text
        assert await places_taken(running) == 0
        answer = await running.http.post("/whep/first", content=content, headers=SDP)
        assert answer.status_code == 201


async def test_who_connects_has_one_place(serve: Serve) -> None:
    async with serve(with_places(3)) as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        await watcher.until(lambda: len(watcher.pictures) > 0)
        assert await places_taken(running) == 1
        await running.http.delete(watcher.location)
        assert await places_taken(running) == 0
