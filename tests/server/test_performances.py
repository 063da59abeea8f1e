"""Which avatars are live: a refusal leaves none behind, and no name that was asked for either."""

import asyncio
import contextlib
import dataclasses
import gc
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

import pytest

from server.config import AvatarConfig, CallConfig
from server.performance import Performance
from server.performances import Performances
from server.problems import Problem
from server.publisher import Publisher
from tests.server.caller import Broadcaster
from tests.server.conftest import CONFIG, Running, Serve, form, with_calls
from tests.server.saying import SAY, say
from tests.server.sockets import listening, voice
from tests.server.test_calls import problem
from tests.server.test_say_failures import AWAY

LIVE = "/v1/avatars/first/live"


class RefusedError(Exception):
    """What an attempt may end with."""


async def attempt(performances: Performances, goes_on: asyncio.Event, *, refused: bool) -> None:
    """Use the avatar until ``goes_on``; then be refused, or not."""
    async with performances.opened("first", None):
        await goes_on.wait()
        if refused:
            raise RefusedError


async def not_live(running: Running) -> None:
    """Check that a refusal has given the place back."""
    problem(await running.http.get(LIVE), 409, "not-live")
    assert running.server.admission.sessions == 0


async def test_a_text_that_cannot_be_spoken_leaves_nothing_live(serve: Serve) -> None:
    async with serve() as running:
        problem(await say(running, "(silence) 1"), 422, "unspeakable-text")
        await not_live(running)


async def test_a_refused_text_ends_no_performance_that_was_there(serve: Serve) -> None:
    async with serve() as running:
        await running.http.put(LIVE)
        problem(await say(running, "(silence) 1"), 422, "unspeakable-text")
        assert (await running.http.get(LIVE)).status_code == 200
        assert (await say(running, "One.")).status_code == 202


async def test_a_refused_text_ends_no_performance_that_one_before_has_begun(serve: Serve) -> None:
    async with serve() as running:
        running.voice.tone_ms = 20
        assert (await say(running, "One.")).status_code == 202
        performance = await running.server.performances.get("first")
        await until(lambda: performance.source is None)
        problem(await say(running, "(silence) 1"), 422, "unspeakable-text")
        assert await running.server.performances.get("first") is performance


async def test_a_refused_publisher_leaves_nothing_live(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> str:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-offer", "it cannot be negotiated")

    monkeypatch.setattr(Publisher, "answer", refuse)
    async with serve() as running, Broadcaster(running.http, "first") as publisher:
        problem(await publisher.post(), 422, "unusable-offer")
        await not_live(running)


async def test_a_voice_socket_that_is_refused_leaves_nothing_live(serve: Serve) -> None:
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.start()
        assert (await running.http.get(LIVE)).status_code == 200
        await client.send(b"odd")
        error, code, _ = await client.refusal()
        assert (error.code, code) == ("invalid-sound", 1008)
        await not_live(running)


async def test_a_voice_socket_that_goes_leaves_the_avatar_live_for_a_while(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        async with voice(address) as client:
            await client.start()
        performance = await running.server.performances.get("first")
        await until(lambda: performance.source is None)
        await asyncio.sleep(0.2)  # for what might end it
        assert (await running.http.get(LIVE)).status_code == 200


async def test_of_two_attempts_the_last_one_decides(serve: Serve) -> None:
    async with serve() as running:
        performances = running.server.performances
        for second_refused in (False, True):
            first_goes_on, second_goes_on = asyncio.Event(), asyncio.Event()
            first = asyncio.create_task(attempt(performances, first_goes_on, refused=True))
            second = asyncio.create_task(
                attempt(performances, second_goes_on, refused=second_refused)
            )
            performance = await until_live(performances)
            first_goes_on.set()
            with pytest.raises(RefusedError):
                await first
            assert await performances.get("first") is performance
            second_goes_on.set()
            await asyncio.wait([second])
            assert isinstance(second.exception(), RefusedError) == second_refused
            assert sorted(performances._live) == ([] if second_refused else ["first"])
            if not second_refused:
                await performances.close("first")


async def until(condition: Callable[[], bool]) -> None:
    """Look at every step of the event loop: nothing tells it."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def until_live(performances: Performances) -> Performance:
    await until(lambda: "first" in performances._live)
    # For all others that wait for it, too.
    await asyncio.sleep(0.05)
    return await performances.get("first")


@pytest.mark.parametrize("use", ["wanted", "voice"])
async def test_a_performance_that_others_use_outlives_who_began_it(serve: Serve, use: str) -> None:
    async with serve() as running:
        performances = running.server.performances
        with contextlib.suppress(RefusedError):
            async with performances.opened("first", None) as performance:
                if use == "wanted":
                    assert await performances.open("first") is performance
                else:
                    performance.take_voice("a test")
                raise RefusedError
        assert list(performances._live) == ["first"]


async def test_one_that_ends_before_its_first_step_tells_it(serve: Serve) -> None:
    ended = []
    async with serve() as running:
        performances = running.server.performances
        performances.on_begin.add(lambda own: own.on_end.add(lambda: ended.append(own.name)))
        with contextlib.suppress(RefusedError):
            async with performances.opened("first", None):
                raise RefusedError
        assert ended == ["first"]


async def test_who_comes_while_one_ends_gets_another(serve: Serve) -> None:
    async with serve() as running:
        performances = running.server.performances
        one = await performances.open("first")
        await asyncio.sleep(0.05)  # until it runs: then its end takes several steps
        ending = asyncio.create_task(performances.close("first"))
        await asyncio.sleep(0)
        another = await performances.open("first")
        assert another is not one
        await ending
        assert await performances.get("first") is another
        assert running.server.admission.sessions == 1


async def test_who_comes_while_an_unused_one_ends_gets_another(serve: Serve) -> None:
    async with serve() as running:
        performances = running.server.performances
        one = await performances.open("first")
        ended = asyncio.Event()
        one.on_end.add(ended.set)
        one.last_used_s = -1e9
        live = performances._live["first"]
        await until(lambda: live.is_ending)
        assert not ended.is_set()
        assert await performances.open("first") is not one


async def test_names_that_are_refused_are_not_remembered(serve: Serve) -> None:
    async with serve(with_calls(CallConfig(max_sessions=1))) as running:
        performances = running.server.performances
        for number in range(20):
            for path in ("live", "say"):
                url = f"/v1/avatars/nobody-{number}/{path}"
                method, content = ("PUT", {}) if path == "live" else ("POST", {"text": "One."})
                response = await running.http.request(method, url, json=content)
                problem(response, 404, "unknown-avatar")
        await running.http.put(LIVE)
        problem(await running.http.put("/v1/avatars/second/live"), 503, "server-full")
        gc.collect()
        assert dict(performances._opening) == {}


async def test_many_who_come_at_once_share_one(serve: Serve) -> None:
    async with serve() as running:
        performances = running.server.performances
        opened = await asyncio.gather(*(performances.open("first") for _ in range(5)))
        assert len(set(opened)) == 1
        assert running.server.admission.sessions == 1


async def test_a_voice_that_is_away_leaves_nothing_live_and_its_time_is_not_held(
    serve: Serve,
) -> None:
    config = dataclasses.replace(CONFIG, call=CallConfig(max_sessions=1))
    async with serve(config) as running:
        running.voice.failures["One."] = AWAY
        problem(await say(running, "One."), 503, "speech-server-away")
        # Its place is free at once.
        response = await running.http.post(SAY.replace("first", "second"), json={"text": "Two."})
        assert response.status_code == 202


async def test_who_asks_for_what_is_not_live_makes_nobody_compute(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIG, avatars=AvatarConfig(max_prepared=1))
    async with serve(config) as running:
        for name in ("ann", "ben"):
            made = await running.http.put(f"/v1/avatars/{name}", **form())
            assert made.status_code == 201, made.text

        async def prepare(*_: object) -> NoReturn:
            raise AssertionError("a portrait was prepared")

        monkeypatch.setattr(running.server.services.portraits, "prepare", prepare)
        for name in ("ann", "ben", "first"):
            problem(await running.http.get(f"/v1/avatars/{name}/live"), 409, "not-live")
        for name in ("nobody", "%2e%2e"):
            problem(await running.http.get(f"/v1/avatars/{name}/live"), 404, "unknown-avatar")
