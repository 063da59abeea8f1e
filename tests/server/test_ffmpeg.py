"""FFmpeg publishes to a live avatar, by its own WHIP; nothing of the sender is ours."""

import asyncio
import contextlib
import dataclasses
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from server.config import CallConfig, HttpConfig
from server.keys import Scope
from tests.browser.bursts import write_wav
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Running, Serve, with_calls
from tests.server.listening import online
from tests.server.test_access import add
from tests.server.test_call import is_bright

IMPATIENT = with_calls(CallConfig(max_sessions=2, no_microphone_timeout_s=1))
RATE = 48_000
SOUND = ("-c:a", "libopus", "-ar", "48000", "-ac", "2", "-b:a", "64k")
FILM = ("-f", "lavfi", "-re", "-i", "testsrc=size=320x240:rate=15")
# Its profile is High, which nothing here could receive.
PICTURE = ("-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p")


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """Half a minute of a 400 Hz tone of 0.5."""
    path = tmp_path / "tone.wav"
    times = np.arange(30 * RATE) / RATE
    write_wav(path, (0.5 * np.sin(2 * np.pi * 400 * times)).astype(np.float32))
    return path


@contextlib.asynccontextmanager
async def ffmpeg(*arguments: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run FFmpeg, and end it; a failing test shows what it said."""
    command = (imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats")
    process = await asyncio.create_subprocess_exec(*command, *arguments)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def until_gone(running: Running) -> None:
    """Wait until the publisher of the avatar "first" has left."""
    await running.until_ended("publisher")
    live = (await running.http.get("/v1/avatars/first/live")).json()
    assert live["source"] is None


@pytest.mark.parametrize("films", [False, True])
async def test_who_watches_hears_what_ffmpeg_publishes_until_it_stops(
    serve: Serve, tone: Path, films: bool
) -> None:
    inputs = ("-re", "-i", tone, *(FILM if films else ()))
    codecs = (*SOUND, *(PICTURE if films else ()))
    async with serve() as running, online(running.server.app) as url:
        await running.http.put("/v1/avatars/first/live")
        async with (
            Watcher(running.http, "first") as watcher,
            ffmpeg(*inputs, *codecs, "-f", "whip", f"{url}/whip/first") as process,
        ):
            await watcher.connect()
            await watcher.until_sound(lambda rms: rms > 5000)
            await watcher.until_pictures(is_bright)
            process.send_signal(signal.SIGINT)
            await until_gone(running)
            await watcher.until_sound(lambda rms: rms < 100)


async def test_ffmpeg_may_leave_our_consent_checks_unanswered(
    serve: Serve, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With checks this often, consent that is never given would expire after 4 s."""
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    async with serve() as running, online(running.server.app) as url:
        await running.http.put("/v1/avatars/first/live")
        async with (
            Watcher(running.http, "first") as watcher,
            ffmpeg("-re", "-i", tone, *SOUND, "-f", "whip", f"{url}/whip/first"),
        ):
            await watcher.connect()
            await watcher.until_sound(lambda rms: rms > 5000)
            heard = len(watcher.sounds)
            await watcher.until(lambda: len(watcher.sounds) > heard + 8 * 50)
            await watcher.until_sound(lambda rms: rms > 5000)


async def test_ffmpeg_that_dies_is_missed(serve: Serve, tone: Path) -> None:
    async with serve(IMPATIENT) as running, online(running.server.app) as url:
        await running.http.put("/v1/avatars/first/live")
        async with (
            Watcher(running.http, "first") as watcher,
            ffmpeg("-re", "-i", tone, *SOUND, "-f", "whip", f"{url}/whip/first") as process,
        ):
            await watcher.connect()
            await watcher.until_sound(lambda rms: rms > 5000)
            process.kill()
            await until_gone(running)


async def test_ffmpeg_brings_its_key(serve: Serve, tone: Path) -> None:
    config = dataclasses.replace(CONFIG, http=HttpConfig(require_key_on_loopback=True))
    async with serve(config) as running, online(running.server.app) as url:
        key = add(running, Scope.PUBLISH)
        running.http.headers["Authorization"] = f"Bearer {key}"
        await running.http.put("/v1/avatars/first/live")
        speech = ("-re", "-i", tone, *SOUND, "-f", "whip")
        async with ffmpeg(*speech, f"{url}/whip/first") as process:
            assert await process.wait() != 0
        async with (
            Watcher(running.http, "first") as watcher,
            ffmpeg(*speech, "-authorization", key, f"{url}/whip/first"),
        ):
            await watcher.connect()
            await watcher.until_sound(lambda rms: rms > 5000)
