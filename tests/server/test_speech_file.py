"""Recordings that are posted to be spoken."""

import asyncio
import dataclasses
import io

import av
import httpx
import numpy as np
import pytest
from starlette.requests import Request
from starlette.types import Message

from server.config import PerformanceConfig, SpeechConfig
from server.problems import Problem
from server.speech_file import SpeechFiles
from streaming.rates import VOICE_RATE
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.saying import SAY, listened, queue, say
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


class Sending:
    """A recording on its way: it arrives when the test says so."""

    def __init__(self) -> None:
        self.asked_for = asyncio.Event()
        self.arrived = asyncio.Event()
        headers = [(b"content-type", b"audio/wav")]
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self.receive)

    async def receive(self) -> Message:
        self.asked_for.set()
        await self.arrived.wait()
        return {"type": "http.request", "body": wav(TONE, VOICE_RATE), "more_body": False}


async def test_of_many_recordings_that_are_sent_at_once_the_last_is_asked_to_come_back() -> None:
    files = SpeechFiles(SpeechConfig())
    sent = [Sending() for _ in range(4)]
    receiving = [asyncio.create_task(files.receive(own.request)) for own in sent]
    for own in sent:
        await own.asked_for.wait()
    with pytest.raises(Problem, match="4 recordings are being sent") as refused:
        await files.receive(Sending().request)
    assert (refused.value.status, refused.value.code) == (503, "recordings-busy")
    assert refused.value.headers == {"Retry-After": "2"}
    receiving[0].cancel()
    await asyncio.wait(receiving[:1])
    last = Sending()
    for own in (*sent[1:], last):
        own.arrived.set()
    heard = await asyncio.gather(*receiving[1:], files.receive(last.request))
    assert all(len(pcm) == len(TONE) for pcm in heard)


async def test_who_sends_too_slowly_is_asked_for_a_shorter_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.speech_file._RECEIVE_TIMEOUT_S", 0)
    files = SpeechFiles(SpeechConfig())
    for _ in range(5):  # who was refused holds no place
        with pytest.raises(Problem, match="send a shorter one") as caught:
            await files.receive(Sending().request)
        assert (caught.value.status, caught.value.code) == (408, "upload-too-slow")


async def test_a_recording_is_answered_before_it_is_heard(serve: Serve) -> None:
    # There is room for the half of it.
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(max_speech_s=1))
    async with serve(config) as running:
        response = await post(running, wav(np.tile(TONE, (2, 1)), 16_000), "audio/wav")
        assert [s["state"] for s in response.json()["sentences"]] == ["ready"]


async def test_so_much_of_recordings_waits_in_memory(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(max_speech_s=2))
    second, three = wav(TONE, 16_000), wav(np.tile(TONE, (3, 1)), 16_000)
    async with serve(config) as running:
        # By itself it is bounded by `speech.max_recording_s`.
        assert (await post(running, three, "audio/wav")).status_code == 202
        await running.http.put(SAY + "/pause", json={"paused": True})
        refused = await post(running, second, "audio/wav")
        detail = problem(refused, 503, "speech-queue-full")
        assert "3.0 s of recordings wait and 1.0 s came, expected at most 2 s" in detail
        assert int(refused.headers["Retry-After"]) > 0
        # Texts are not sound yet.
        assert (await say(running, "One.")).status_code == 202
        await running.http.delete(SAY)
        assert (await post(running, second, "audio/wav")).status_code == 202
        await running.http.put(SAY + "/pause", json={"paused": True})
        assert (await post(running, second, "audio/wav")).status_code == 202
        assert len(await queue(running)) == 2
