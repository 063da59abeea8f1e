"""Recordings that are posted to be spoken."""

import dataclasses
import io

import av
import httpx
import numpy as np
import pytest

from server.config import SpeechConfig
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.saying import SAY, listened, queue
from tests.server.test_calls import problem
from tests.server.test_wav_stream import wav

TONE = (np.sin(np.arange(16_000) / 16_000 * 2 * np.pi * 400) * 16_000).astype(np.int16)[:, None]


def encoded(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, 48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        sound = av.AudioFrame.from_ndarray(np.tile(TONE.T, 3), format="s16", layout="mono")
        sound.sample_rate = 48_000
        resampler = av.AudioResampler(stream.format.name, "mono", 48_000, stream.frame_size or None)
        for frame in [*resampler.resample(sound), *resampler.resample(None)]:
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


async def post(running: Running, body: bytes, kind: str) -> httpx.Response:
    return await running.http.post(SAY, content=body, headers={"Content-Type": kind})


async def test_a_recording_is_heard(serve: Serve) -> None:
    async with listened(serve) as at, Watcher(at.running.http, "first") as watcher:
        await at.running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        response = await post(at.running, wav(TONE, 16_000), "audio/wav")
        assert response.status_code == 202
        assert [s["text"] for s in response.json()["sentences"]] == [None]
        await watcher.until_sound(lambda rms: rms > 5000)
        assert (await at.events.until("ended"))["position_ms"] == pytest.approx(1000, abs=40)


@pytest.mark.parametrize(
    ("kind", "container", "codec"),
    [
        ("audio/mpeg", "mp3", "libmp3lame"),
        ("audio/ogg", "ogg", "libopus"),
        ("audio/flac", "flac", "flac"),
        ("audio/webm;codecs=opus", "webm", "libopus"),
        ("audio/mp4", "ipod", "aac"),
    ],
)
async def test_usual_formats_are_read(serve: Serve, kind: str, container: str, codec: str) -> None:
    async with serve() as running:
        assert (await post(running, encoded(container, codec), kind)).status_code == 202


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"no sound at all", "audio/wav", 422, "unusable-recording"),
        (b"", "audio/wav", 422, "unusable-recording"),
        (wav(TONE)[:44], "audio/wav", 422, "unusable-recording"),
        (wav(TONE)[:20_000], "audio/wav", 422, "unusable-recording"),
        (wav(TONE), "audio/ogg", 422, "unusable-recording"),
        # FFmpeg would follow a playlist to whatever it names.
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "audio/mpeg", 422, "unusable-recording"),
        (b"#EXTM3U\n", "audio/mpegurl", 415, "unsupported-media-type"),
        (b"text", "text/plain", 415, "unsupported-media-type"),
        (b"text", "", 415, "unsupported-media-type"),
        (bytes(70_000), "audio/wav", 413, "body-too-large"),
        (wav(np.tile(TONE, (2, 1)), 8000), "audio/wav", 413, "recording-too-long"),
    ],
)
async def test_what_is_no_recording_is_refused(
    serve: Serve, body: bytes, kind: str, status: int, code: str
) -> None:
    speech = SpeechConfig(max_recording_s=3, max_recording_bytes=69_000)
    async with serve(dataclasses.replace(CONFIG, speech=speech)) as running:
        problem(await post(running, body, kind), status, code)
        assert await queue(running) == []
        assert running.server.admission.sessions == 0
