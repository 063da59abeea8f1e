"""A performance recorded through the whole server; only the model is a fake."""

import asyncio
import dataclasses
from pathlib import Path

from server.keys import Scope
from server.performance_recording import PerformanceRecordings
from tests.server.caller import Broadcaster, Watcher
from tests.server.conftest import Serve
from tests.server.recording_world import RECORDING, config_for, key, play
from tests.server.test_calls import problem


async def test_a_performance_is_recorded_by_the_interface(serve: Serve, tmp_path: Path) -> None:
    async with (
        serve(config_for(tmp_path)) as running,
        Broadcaster(running.http, "first") as publisher,
        Watcher(running.http, "first") as watcher,
    ):
        problem(await running.http.put(RECORDING), 409, "not-live")
        await publisher.connect()
        problem(await running.http.get(RECORDING), 404, "not-recording")
        begun = (await running.http.put(RECORDING)).json()
        assert begun["running"]
        assert (await running.http.put(RECORDING)).json()["id"] == begun["id"]
        assert (await running.http.get("/v1/avatars/first/live")).json()["viewers"] == 0
        await watcher.connect()
        await watcher.until_sound(lambda rms: rms > 5000)
        await watcher.until(lambda: len(watcher.pictures) > 25)
        stopped = (await running.http.delete(RECORDING)).json()
        assert not stopped["running"]
        play(tmp_path, await running.http.get(stopped["url"]))
        problem(await running.http.delete(RECORDING), 404, "not-recording")
        await watcher.until_sound(lambda rms: rms > 5000)


async def test_a_full_folder_is_told_before_anything_is_recorded(
    serve: Serve, tmp_path: Path
) -> None:
    config = config_for(tmp_path)
    recording = dataclasses.replace(config.recording, max_bytes=5000)
    (tmp_path / "20260101T000000Z-0123456789abcdef.mp4").write_bytes(bytes(5000))
    async with serve(dataclasses.replace(config, recording=recording)) as running:
        await running.http.put("/v1/avatars/first/live")
        said = problem(await running.http.put(RECORDING), 507, "recordings-full")
        assert "take 5000 bytes, expected at most 5000" in said
        problem(await running.http.get(RECORDING), 404, "not-recording")
        assert (await running.http.get("/v1/recordings")).json() == []


async def test_a_folder_that_is_gone_is_refused(serve: Serve, tmp_path: Path) -> None:
    config = config_for(tmp_path / "gone")
    async with serve(config) as running:
        await running.http.put("/v1/avatars/first/live")
        problem(await running.http.put(RECORDING), 500, "recording-failed")
        problem(await running.http.get(RECORDING), 404, "not-recording")


async def test_recordings_are_for_their_owner_and_for_admins(serve: Serve, tmp_path: Path) -> None:
    async with serve(config_for(tmp_path)) as running:
        one = key(running, "one", Scope.PUBLISH)
        other = key(running, "other", Scope.PUBLISH)
        admin = key(running, "admin", Scope.ADMIN)
        viewer = key(running, "viewer", Scope.VIEW)
        async with one, other, admin, viewer, Watcher(one, "first") as watcher:
            await one.put("/v1/avatars/first/live")
            begun = (await one.put(RECORDING)).json()
            problem(await viewer.get("/v1/recordings"), 403, "insufficient-scope")
            await watcher.connect()
            await watcher.until(lambda: len(watcher.pictures) > 5)
            problem(await other.delete(RECORDING), 403, "not-yours")
            assert (await one.delete(RECORDING)).status_code == 200
            assert (await other.get("/v1/recordings")).json() == []
            problem(await other.get(begun["url"]), 404, "unknown-recording")
            problem(await other.delete(begun["url"]), 404, "unknown-recording")
            for client in (one, admin):
                assert [r["id"] for r in (await client.get("/v1/recordings")).json()] == [
                    begun["id"]
                ]
                assert (await client.get(begun["url"])).status_code == 200
            assert (await admin.delete(begun["url"])).status_code == 204


async def test_it_is_recorded_anew_while_the_last_one_is_still_written(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve(config_for(tmp_path)) as running:
        await running.http.put("/v1/avatars/first/live")
        performance = await running.server.performances.get("first")
        recordings = PerformanceRecordings(running.server.services.recordings)
        one = await recordings.begin(performance, None)
        stopping = asyncio.create_task(recordings.stop(performance))
        await asyncio.sleep(0)
        another = await recordings.begin(performance, None)
        assert another is not one
        assert await stopping is one
        assert recordings.get(performance) is another


async def test_who_is_told_that_it_is_recorded_has_the_recording(
    serve: Serve, tmp_path: Path
) -> None:
    """A performance's owner gets no id of what is another's, but may end it."""
    async with serve(config_for(tmp_path)) as running:
        one = key(running, "one", Scope.PUBLISH)
        other = key(running, "other", Scope.PUBLISH)
        admin = key(running, "admin", Scope.ADMIN)
        async with one, other, admin:
            await one.put("/v1/avatars/first/live")
            begun = (await other.put(RECORDING)).json()
            assert (await other.put(RECORDING)).json()["id"] == begun["id"]
            assert "'first'" in problem(await one.put(RECORDING), 409, "recorded-by-another")
            assert (await admin.put(RECORDING)).json()["id"] == begun["id"]
            assert (await one.delete(RECORDING)).json()["id"] == begun["id"]
            problem(await one.delete(RECORDING), 404, "not-recording")
            own = (await one.put(RECORDING)).json()
            assert own["id"] != begun["id"]
            problem(await other.put(RECORDING), 409, "recorded-by-another")
            problem(await other.delete(RECORDING), 403, "not-yours")


async def test_what_the_server_records_is_not_the_performers_to_stop(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve(config_for(tmp_path, everything=True)) as running:
        one, admin = key(running, "one", Scope.PUBLISH), key(running, "admin", Scope.ADMIN)
        async with one, admin:
            await one.put("/v1/avatars/first/live")
            problem(await one.put(RECORDING), 409, "recorded-by-another")
            problem(await one.delete(RECORDING), 403, "not-yours")
            assert (await admin.delete(RECORDING)).status_code == 200
            # From now on it is whose it is asked for.
            assert (await one.put(RECORDING)).status_code == 200
            assert (await one.delete(RECORDING)).status_code == 200
