"""An avatar that is given something to say, through the real server; model and voice are fakes."""

import asyncio
import dataclasses
from datetime import UTC, datetime

import pytest

from server.config import LimitsConfig, PerformanceConfig
from server.keys import Scope
from server.presenter import Presenter
from tests.server.caller import Broadcaster, Watcher
from tests.server.conftest import CONFIG, Serve
from tests.server.listening import listening, online
from tests.server.saying import SAY, listened, queue, say, with_speech
from tests.server.test_call import is_bright
from tests.server.test_calls import problem


async def test_a_text_is_heard_and_seen_sentence_by_sentence(serve: Serve) -> None:
    async with listened(serve) as at, Watcher(at.running.http, "first") as watcher:
        await at.running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        response = await say(at.running, "One. Two.", voice="tenor")
        assert response.status_code == 202
        ids = [s["id"] for s in response.json()["sentences"]]
        assert [s["text"] for s in response.json()["sentences"]] == ["One.", "Two."]
        await watcher.until_sound(lambda rms: rms > 5000)
        await watcher.until_pictures(is_bright)
        await at.events.until("ended", 2)
        assert at.running.voice.asked == [("One.", "tenor"), ("Two.", "tenor")]
        told = [(kind, data["id"]) for kind, data in at.events.told if kind != "queue"]
        first, second = ids
        assert told == [
            ("queued", first), ("queued", second),
            ("started", first), ("ended", first), ("started", second), ("ended", second),
        ]  # fmt: skip
        for ended in at.events.of("ended"):
            assert ended["position_ms"] == 300
            assert ended["interrupted"] is False
        assert await queue(at.running) == []


async def test_the_queue_tells_what_is_heard_and_what_waits(serve: Serve) -> None:
    async with listened(serve) as at:
        at.running.voice.tone_ms = 20_000
        await say(at.running, "One. Two. Three.")
        await at.events.until("started")
        assert [(s["text"], s["state"]) for s in await queue(at.running)] == [
            ("One.", "speaking"), ("Two.", "waiting"), ("Three.", "waiting")
        ]  # fmt: skip
        # More than 15 s are ready: the next sentence is not made yet.
        assert [text for text, _ in at.running.voice.asked] == ["One."]


async def test_the_next_sentence_is_made_while_one_is_heard(serve: Serve) -> None:
    async with listened(serve) as at:
        at.running.voice.tone_ms = 6000
        await say(at.running, "One. Two. Three. Four.")
        await at.events.until("started")
        states = [s["state"] for s in await queue(at.running)]
        assert states[:2] == ["speaking", "ready"]
        assert states[3] == "waiting"


async def test_stop_in_mid_sentence_is_heard_at_once(serve: Serve) -> None:
    async with listened(serve) as at, Watcher(at.running.http, "first") as watcher:
        await at.running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        at.running.voice.tone_ms = 20_000
        await say(at.running, "One. Two.")
        await watcher.until_sound(lambda rms: rms > 5000)
        assert (await at.running.http.delete(SAY)).status_code == 204
        assert await queue(at.running) == []
        await watcher.until_sound(lambda rms: rms < 100)
        await at.events.until("ended", 2)
        first, second = at.events.of("ended")
        assert first["interrupted"]
        assert 0 < first["position_ms"] < 20_000
        assert second == {"id": second["id"], "position_ms": 0, "interrupted": True}
        assert (await at.running.http.get("/v1/avatars/first/live")).json()["source"] is None
        # And it speaks again.
        await say(at.running, "Three.")
        await at.events.until("started", 2)


async def test_a_sentence_goes_on_where_it_was_paused(serve: Serve) -> None:
    async with listened(serve) as at, Watcher(at.running.http, "first") as watcher:
        await at.running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        at.running.voice.tone_ms = 2000
        await say(at.running, "One.")
        await watcher.until_sound(lambda rms: rms > 5000)
        paused = await at.running.http.put(SAY + "/pause", json={"paused": True})
        assert paused.json() == {"paused": True}
        await watcher.until_sound(lambda rms: rms < 100)
        assert (await at.running.http.get(SAY)).json()["paused"] is True
        assert len(await queue(at.running)) == 1
        await at.running.http.put(SAY + "/pause", json={"paused": False})
        await watcher.until_sound(lambda rms: rms > 5000)
        ended = await at.events.until("ended")
        assert ended["interrupted"] is False
        # All of it was heard, and the silence between.
        assert ended["position_ms"] >= 2000
        assert at.events.of("paused") == [{"paused": True}, {"paused": False}]
        problem(
            await at.running.http.put(SAY + "/pause", json={"paused": True}), 409, "nothing-to-say"
        )


async def test_stopping_a_pause_lets_the_next_text_be_heard(serve: Serve) -> None:
    async with listened(serve) as at:
        at.running.voice.tone_ms = 5000
        await say(at.running, "One.")
        await at.running.http.put(SAY + "/pause", json={"paused": True})
        await at.running.http.delete(SAY)
        at.running.voice.tone_ms = 200
        await say(at.running, "Two.")
        assert (await at.events.until("ended", 2))["interrupted"] is False


async def test_a_pause_is_kept_after_the_text(serve: Serve) -> None:
    async with listened(serve) as at:
        await say(at.running, "One. Two.", pause_ms=500)
        await at.events.until("ended", 2)
        assert [e["position_ms"] for e in at.events.of("ended")] == [300, 800]


@pytest.mark.parametrize(
    ("body", "code", "found"),
    [
        ({"text": ""}, "empty-text", "expected something to say"),
        ({"text": "... --"}, "empty-text", "expected something to say"),
        ({"text": "x" * 101}, "text-too-long", "101 characters, expected at most 100"),
        ({}, "invalid-request", "text"),
        ({"text": "x", "vioce": "y"}, "invalid-request", "vioce"),
        ({"text": "x", "pause_ms": -1}, "invalid-request", "pause_ms"),
        ({"text": "(silence) 1"}, "unspeakable-text", "a language that the voice speaks"),
    ],
)
async def test_what_cannot_be_said_is_refused(
    serve: Serve, body: dict[str, object], code: str, found: str
) -> None:
    async with serve(with_speech(max_text_chars=100)) as running:
        assert found in problem(await running.http.post(SAY, json=body), 422, code)
        assert await queue(running) == []
        # It would else keep others from speaking.
        async with Broadcaster(running.http, "first") as publisher:
            assert (await publisher.post()).status_code == 201


async def test_json_that_is_none_or_far_too_long_is_refused(serve: Serve) -> None:
    async with serve(with_speech(max_text_chars=100)) as running:
        kind = {"Content-Type": "application/json; charset=utf-8"}
        response = await running.http.post(SAY, content=b"{", headers=kind)
        assert "JSON" in problem(response, 422, "invalid-request")
        response = await running.http.post(SAY, content=b" " * 10_000, headers=kind)
        problem(response, 413, "body-too-large")


async def test_an_unknown_avatar_has_nothing_to_say(serve: Serve) -> None:
    async with serve() as running:
        path = "/v1/avatars/nobody/say"
        problem(await running.http.post(path, json={"text": "One."}), 404, "unknown-avatar")
        problem(await running.http.get(path), 404, "unknown-avatar")
        problem(await running.http.delete(path), 404, "unknown-avatar")
        problem(await running.http.get("/v1/avatars/nobody/events"), 404, "unknown-avatar")
        assert running.server.admission.sessions == 0


async def test_a_full_queue_asks_to_come_back(serve: Serve) -> None:
    async with serve(with_speech(max_sentences=2)) as running:
        running.voice.tone_ms = 20_000
        assert (await say(running, "One. Two.")).status_code == 202
        response = await say(running, "Three.")
        assert "2 sentences wait and 1 came" in problem(response, 503, "speech-queue-full")
        assert int(response.headers["Retry-After"]) > 0
        assert len(await queue(running)) == 2


async def test_who_says_too_often_is_told_to_wait(serve: Serve) -> None:
    limits = LimitsConfig(speeches_per_minute=1, speeches_burst=1)
    async with serve(dataclasses.replace(CONFIG, limits=limits)) as running:
        assert (await say(running, "One.")).status_code == 202
        problem(await say(running, "Two."), 429, "too-many-requests")


async def test_one_voice_at_a_time(serve: Serve) -> None:
    async with serve() as running, Broadcaster(running.http, "first") as publisher:
        await publisher.connect()
        assert "publisher" in problem(await say(running, "One."), 409, "voice-taken")
        await running.http.delete(publisher.location)
        running.voice.tone_ms = 5000
        assert (await say(running, "One.")).status_code == 202
        async with Broadcaster(running.http, "first") as other:
            assert "presenter" in problem(await other.post(), 409, "voice-taken")
        await running.http.delete(SAY)
        async with Broadcaster(running.http, "first") as third:
            assert (await third.post()).status_code == 201


async def test_stopping_frees_who_waits_for_the_first_sound(serve: Serve) -> None:
    async with serve() as running:
        running.voice.gate.clear()
        asking = asyncio.create_task(say(running, "One."))
        await running.voice.busy.wait()
        await running.http.delete(SAY)
        assert (await asking).status_code == 202


async def test_the_end_of_the_performance_ends_the_queue(serve: Serve) -> None:
    async with listened(serve) as at:
        at.running.voice.tone_ms = 20_000
        await say(at.running, "One. Two.")
        await at.running.http.delete("/v1/avatars/first/live")
        await at.events.until("ended", 2)
        assert await queue(at.running) == []
        assert (await say(at.running, "Three.")).status_code == 202


async def test_a_performance_with_little_room_is_fed_as_it_speaks(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(max_speech_s=1))
    async with listened(serve, config) as at:
        at.running.voice.tone_ms = 2500
        await say(at.running, "One.")
        assert (await at.events.until("ended"))["interrupted"] is False


async def test_a_server_that_stops_ends_the_speech(serve: Serve) -> None:
    async with serve() as running:
        running.voice.tone_ms = 20_000
        await say(running, "One.")
    assert running.voice.closed
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("presenter")]


async def test_a_key_to_view_reads_along_but_does_not_speak(serve: Serve) -> None:
    async with serve() as running:
        key = running.keys.add("screen", frozenset({Scope.VIEW}), datetime.now(UTC), None)
        async with running.client("192.0.2.7", key) as http:
            refused = await http.post(SAY, json={"text": "One."})
            problem(refused, 403, "insufficient-scope")
            problem(await http.get("/v1/avatars/nobody/events"), 404, "unknown-avatar")


async def test_a_listener_hears_how_things_are_and_leaves(serve: Serve) -> None:
    async with serve() as running, online(running.server.app) as url:
        running.voice.tone_ms = 20_000
        await say(running, "One.")
        presenter = await running.server.presenters.get("first")
        async with listening(url, "first") as events:
            (now,) = events.of("queue")
            assert [s["text"] for s in now["sentences"]] == ["One."]
            assert now["paused"] is False
            assert len(presenter.listeners) == 1
        async with asyncio.timeout(10):
            # Only the server's own task learns that somebody hung up.
            while len(presenter.listeners):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_what_ends_while_a_text_comes_begins_anew(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listened(serve) as at:
        presenters = at.running.server.presenters
        await at.running.http.put("/v1/avatars/first/live")
        get = presenters.get

        async def ending(name: str) -> Presenter:
            await at.running.http.delete("/v1/avatars/first/live")
            return await get(name)

        monkeypatch.setattr(presenters, "get", ending)
        assert (await say(at.running, "One.")).status_code == 202
        assert (await at.events.until("ended"))["interrupted"] is False


async def test_a_pause_that_is_too_long_is_refused_unread(serve: Serve) -> None:
    async with serve() as running, running.client("203.0.113.5") as stranger:
        headers = {"Content-Type": "application/json"}
        for client, status in ((running.http, 413), (stranger, 403)):
            response = await client.put(SAY + "/pause", content=bytes(5000), headers=headers)
            assert response.status_code == status
