"""Calls recorded through the whole server, and what is listed; only the model is a fake."""

import asyncio
import dataclasses
from collections.abc import MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from server import credentials, messages, recording_routes, recordings_signer
from server.config import TrustConfig
from server.download import Download
from server.problems import Problem
from tests.server.caller import Caller, Watcher
from tests.server.conftest import Running, Serve
from tests.server.media import decoded
from tests.server.recording_world import config_for, play
from tests.server.signed_recordings import left_over, recorded, slow_down
from tests.server.test_calls import problem

FORMATS = {"H264": ".mp4", "VP8": ".webm"}


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_caller_records_and_downloads(serve: Serve, tmp_path: Path, codec: str) -> None:
    async with serve(config_for(tmp_path)) as running, Caller(running.http) as caller:
        caller.video_codec = codec
        await caller.connect()
        caller.say('{"type":"record","active":true}')
        began = await caller.until_message(messages.Recording)
        assert isinstance(began, messages.Recording)
        assert began.active
        await caller.until_sound(lambda rms: rms > 5000)
        start = len(caller.pictures)
        await caller.until(lambda: len(caller.pictures) > start + 25)
        problem(await running.http.get(f"/v1/recordings/{began.id}"), 409, "recording-runs")
        caller.say('{"type":"record","active":false}')
        assert await caller.until_message(messages.Recording) == messages.Recording(
            active=False, id=began.id
        )
        (listed,) = (await running.http.get("/v1/recordings")).json()
        assert listed["id"] == began.id
        assert not listed["running"]
        response = await running.http.get(listed["url"])
        assert response.headers["Content-Type"] == f"video/{FORMATS[codec].removeprefix('.')}"
        (tmp_path / f"downloaded{FORMATS[codec]}").write_bytes(response.content)
        play(tmp_path, response)
        # It was waited for: a player has it as it stays.
        (listed,) = (await running.http.get("/v1/recordings")).json()
        assert not listed["signing"]
        assert listed["credentials"] == (codec == "H264")
        said = credentials.read(tmp_path / f"downloaded{FORMATS[codec]}")
        assert (said is not None and said.valid and said.made_by_ai) == (codec == "H264")
        assert (await running.http.delete(listed["url"])).status_code == 204
        problem(await running.http.get(listed["url"]), 404, "unknown-recording")


async def test_a_folder_that_is_gone_is_told_and_the_call_goes_on(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve(config_for(tmp_path / "gone")) as running, Caller(running.http) as caller:
        await caller.connect()
        caller.say('{"type":"record","active":true}')
        error = await caller.until_message(messages.Error)
        assert isinstance(error, messages.Error)
        assert error.code == "recording-failed"
        assert not error.fatal
        await caller.until(
            lambda: any(isinstance(m, messages.Recording) and not m.active for m in caller.messages)
        )
        await caller.until_sound(lambda rms: rms > 5000)


async def test_everything_is_recorded_where_it_is_configured(serve: Serve, tmp_path: Path) -> None:
    config = config_for(tmp_path, everything=True)
    async with serve(config) as running:
        async with Caller(running.http) as caller:
            await caller.connect()
            await caller.until(lambda: len(caller.pictures) > 10)
            assert isinstance(await caller.until_message(messages.Recording), messages.Recording)
            caller.say('{"type":"record","active":false}')
            refusal = await caller.until_message(messages.Error)
            assert isinstance(refusal, messages.Error)
            assert refusal.code == "records-everything"
            await running.http.delete(caller.location)
        await running.http.put("/v1/avatars/first/live")
        performance = await running.server.performances.get("first")
        assert performance.broadcast.viewers == 0
        await running.http.delete("/v1/avatars/first/live")
        async with Watcher(running.http, "second") as watcher:
            await running.http.put("/v1/avatars/second/live")
            await watcher.connect()
            await watcher.until(lambda: len(watcher.pictures) > 10)
    found = {entry.about.portrait: entry for entry in running.server.services.recordings.list()}
    assert found["first"].about.of == "call"
    assert found["second"].about.of == "performance"
    assert all(not entry.is_running for entry in found.values())
    assert all(decoded(entry.path)[0] > 1 for entry in found.values())


async def test_what_a_server_has_left_unsigned_is_signed_at_the_next_start(
    serve: Serve, tmp_path: Path
) -> None:
    media = await left_over(tmp_path)
    async with serve(config_for(tmp_path)) as running:
        async with asyncio.timeout(60):
            while not (await listed(running))["credentials"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert not (await listed(running))["signing"]
        response = await running.http.get(f"/v1/recordings/{media.stem}")
        assert response.content == media.read_bytes()
        said = credentials.read(media)
        assert said is not None
        assert said.own


async def listed(running: Running) -> dict[str, Any]:
    """The only recording that there is."""
    (found,) = (await running.http.get("/v1/recordings")).json()
    return dict(found)


async def test_where_credentials_are_off_it_is_told(serve: Serve, tmp_path: Path) -> None:
    await left_over(tmp_path)
    config = dataclasses.replace(config_for(tmp_path), trust=TrustConfig(credentials=False))
    async with serve(config) as running:
        (listed,) = (await running.http.get("/v1/recordings")).json()
        assert (listed["signing"], listed["credentials"]) == (False, False)


async def test_a_download_does_not_wait_for_ever_for_a_signature(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down(monkeypatch)
    monkeypatch.setattr(recording_routes, "_SIGNATURE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(recordings_signer, "_CLOSE_S", 0.1)
    async with serve(config_for(tmp_path)) as running:
        recorder = await recorded(running.server.services.recordings)
        found = await listed(running)
        assert (found["signing"], found["credentials"]) == (True, False)
        response = await running.http.get(found["url"])
        assert response.status_code == 200
        assert response.content == (tmp_path / f"{recorder.id}.mp4").read_bytes()


async def test_a_download_does_not_wait_for_the_turn_of_what_is_left_over(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down(monkeypatch)
    monkeypatch.setattr(recording_routes, "_SIGNATURE_TIMEOUT_S", 60.0)
    media = await left_over(tmp_path)
    async with serve(config_for(tmp_path)) as running:
        await running.server.services.recordings.sign_left_overs()
        found = await listed(running)
        assert (found["signing"], found["credentials"]) == (True, False)
        async with asyncio.timeout(10):
            response = await running.http.get(found["url"])
        assert response.content == media.read_bytes()


async def test_one_that_is_deleted_while_it_is_waited_for_is_gone(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = await left_over(tmp_path)
    config = dataclasses.replace(config_for(tmp_path), trust=TrustConfig(credentials=False))
    async with serve(config) as running:

        async def delete(*_: object) -> None:
            media.unlink()

        monkeypatch.setattr(running.server.services.recordings, "wait_until_signed", delete)
        response = await running.http.get(f"/v1/recordings/{media.stem}")
        problem(response, 404, "unknown-recording")


@pytest.mark.parametrize("then", ["replaced", "deleted"])
async def test_a_download_is_of_the_file_that_was_there_when_it_began(
    tmp_path: Path, then: str
) -> None:
    media, other = tmp_path / "film.mp4", tmp_path / "other"
    media.write_bytes(b"a" * 200_000)
    other.write_bytes(b"b" * 300_000)
    body = b""
    started: dict[str, str] = {}

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            started.update((name.decode(), value.decode()) for name, value in message["headers"])
            media.unlink() if then == "deleted" else other.replace(media)
        body += message.get("body", b"")

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    gone = Problem(HTTPStatus.NOT_FOUND, "unknown-recording", "gone")
    await Download(media, "video/mp4", gone)(scope, receive, send)
    assert body == b"a" * 200_000
    assert started["content-length"] == "200000"
    assert started["content-disposition"] == 'attachment; filename="film.mp4"'
    assert started["cache-control"] == "no-store"


async def test_a_part_of_a_recording_can_be_asked_for(serve: Serve, tmp_path: Path) -> None:
    media = await left_over(tmp_path)
    async with serve(config_for(tmp_path)) as running:
        url = f"/v1/recordings/{media.stem}"
        response = await running.http.get(url, headers={"Range": "bytes=100-199"})
        assert response.status_code == 206
        assert response.content == media.read_bytes()[100:200]
        assert response.headers["Content-Range"] == f"bytes 100-199/{media.stat().st_size}"
        # What was signed since is another file: nobody joins a part of the one to the other.
        headers = {"Range": "bytes=100-199", "If-Range": '"another"'}
        assert (await running.http.get(url, headers=headers)).content == media.read_bytes()
