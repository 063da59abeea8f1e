"""FFmpeg publishes to a live avatar, by its own WHIP; nothing of the sender is ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from server.config import HttpConfig
from server.keys import Scope
from tests.browser.bursts import write_wav
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Serve
from tests.server.listening import listening
from tests.server.test_call import is_bright

RATE = 48_000
SOUND = ("-c:a", "libopus", "-ar", "48000", "-ac", "2", "-b:a", "64k")
TEST_PICTURE = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=15")
PICTURE = ("-c:v", "libx264", "-profile:v", "baseline", "-bf", "0", "-g", "15", "-pix_fmt")


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """Half a minute of a 400 Hz tone of 0.5."""
    path = tmp_path / "tone.wav"
    times = np.arange(30 * RATE) / RATE
    write_wav(path, (0.5 * np.sin(2 * np.pi * 400 * times)).astype(np.float32))
    return path


@contextlib.asynccontextmanager
async def ffmpeg(*arguments: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run FFmpeg; its own words are in the failure when it ends before the test does."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "info"]
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        _, said = await process.communicate()
        print(said.decode(errors="replace"))


@pytest.mark.parametrize("films", [False, True])
async def test_who_watches_hears_what_ffmpeg_publishes(
    serve: Serve, tone: Path, films: bool
) -> None:
    inputs = ("-re", "-i", tone, *(TEST_PICTURE if films else ()))
    codecs = (*SOUND, *((*PICTURE, "yuv420p") if films else ()))
    async with (
        serve() as running,
        listening(running.server) as url,
        ffmpeg(*inputs, *codecs, "-f", "whip", f"{url}/whip/first"),
        Watcher(running.http, "first") as watcher,
    ):
        async with asyncio.timeout(20):
            while "first" not in running.server.performances.names:
                await asyncio.sleep(0.05)
        await watcher.connect()
        await watcher.until_sound(lambda rms: rms > 5000)
        await watcher.until_pictures(is_bright)
