"""LiveKit's contract of an avatar, kept with a real server; only the model is a fake."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import numpy as np
import pytest
from av import AudioFrame
from livekit import rtc
from livekit.agents.voice import avatar

from server.adapters.client import AvatarClient
from server.adapters.inbox import Received
from server.adapters.livekit import LikenessVideoGenerator
from server.voice_messages import PlaybackFinished, PlaybackStarted
from tests.server.conftest import Serve
from tests.server.sockets import listening, tone


def frames(pcm: bytes) -> list[rtc.AudioFrame]:
    """20 ms frames, as an agent sends them."""
    return [
        rtc.AudioFrame(pcm[first : first + 960], 24_000, 1, len(pcm[first : first + 960]) // 2)
        for first in range(0, len(pcm), 960)
    ]


class Attentive(AvatarClient):
    """Remembers what came, in order."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        self.received: list[Received] = []

    async def __aiter__(self) -> AsyncIterator[Received]:
        async for received in super().__aiter__():
            self.received.append(received)
            yield received

    def heard(self) -> list[AudioFrame]:
        """The sound that came from when the utterance began until now, but for what came last."""
        first = next(i for i, r in enumerate(self.received) if isinstance(r, PlaybackStarted))
        return [r for r in self.received[first:-1] if isinstance(r, AudioFrame)]


async def test_a_segment_is_shown_and_heard_and_its_end_told(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        client = Attentive(f"http://{address}", "first")
        await client.connect()
        generator = LikenessVideoGenerator(client)
        assert isinstance(generator, avatar.VideoGenerator)
        options = generator.options(256)
        try:
            for frame in frames(tone(1)):
                await generator.push_audio(frame)
            await generator.push_audio(avatar.AudioSegmentEnd())
            sounds: list[rtc.AudioFrame] = []
            pictures = 0
            async with asyncio.timeout(30):
                async for made in generator:
                    if isinstance(made, avatar.AudioSegmentEnd):
                        break
                    if isinstance(made, rtc.VideoFrame):
                        pictures += 1
                        assert made.type == rtc.VideoBufferType.I420
                        assert made.width == options.video_width
                        continue
                    assert made.sample_rate == options.audio_sample_rate
                    assert made.num_channels == options.audio_channels
                    sounds.append(made)
            assert pictures > 5
            heard = client.heard()
            assert [list(made.data) for made in sounds] == [mono(frame) for frame in heard]
            # By its time stamps: a machine that stands still for long leaves some of it out.
            loud = [frame.pts or 0 for frame in heard if np.abs(mono(frame)).max() > 1000]
            assert 0.5 < (loud[-1] + 960 - loud[0]) / 48_000 < 1.1
            ended = [r for r in client.received if isinstance(r, PlaybackFinished)]
            assert [round(r.position_ms, -2) for r in ended] == [1000]
            await generator.push_audio(frames(tone(5))[0])
            await generator.clear_buffer()
        finally:
            await client.aclose()


def mono(frame: AudioFrame) -> list[int]:
    """The mean of left and right."""
    samples = frame.to_ndarray().reshape(-1, 2)
    return [int(sample) for sample in np.rint(samples.mean(axis=1))]


async def test_speech_at_another_rate_is_refused() -> None:
    generator = LikenessVideoGenerator(AvatarClient("http://localhost", "first"))
    with pytest.raises(ValueError, match="found speech at 16000 Hz with 1 channels"):
        await generator.push_audio(rtc.AudioFrame(bytes(640), 16_000, 1, 320))


class Script:
    """A client that tells what a test has written down."""

    sample_rate = 24_000

    def __init__(self, *received: Received) -> None:
        self._received = received

    async def clear(self) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[Received]:
        for received in self._received:
            yield received


def started(utterance: int) -> PlaybackStarted:
    return PlaybackStarted(utterance=utterance)


def finished(utterance: int, *, interrupted: bool = False) -> PlaybackFinished:
    return PlaybackFinished(utterance=utterance, position_ms=0.0, interrupted=interrupted)


def packet() -> AudioFrame:
    frame = AudioFrame(format="s16", layout="stereo", samples=960)
    frame.sample_rate = 48_000
    return frame


async def made(frames: AsyncIterable[object]) -> list[type]:
    return [type(frame) async for frame in frames]


async def test_after_an_interruption_silence_is_no_speech() -> None:
    # `clear_buffer` comes before what was told earlier is taken.
    script = Script(started(1), finished(1, interrupted=True), packet(), packet())
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await generator.clear_buffer()
    assert await made(generator) == []


async def test_an_utterance_that_is_over_as_it_is_cleared_has_its_end() -> None:
    script = Script(started(1), packet(), finished(1), packet(), started(2), packet())
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    frames = aiter(generator)
    assert isinstance(await anext(frames), rtc.AudioFrame)
    await generator.clear_buffer()
    assert await made(frames) == [avatar.AudioSegmentEnd, rtc.AudioFrame]
