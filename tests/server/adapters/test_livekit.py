"""LiveKit's contract of an avatar, kept with a real server; only the model is a fake."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import numpy as np
import pytest
from av import AudioFrame
from livekit import rtc
from livekit.agents.voice import avatar
from livekit.agents.voice.io import PlaybackFinishedEvent
from numpy.typing import NDArray

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
        """The sound that came from when the utterance began."""
        first = next(i for i, r in enumerate(self.received) if isinstance(r, PlaybackStarted))
        return [r for r in self.received[first:] if isinstance(r, AudioFrame)]


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
            # A piece of what came, without the silence around it: as long as what was given.
            handed_on = np.concatenate([np.frombuffer(made.data, np.int16) for made in sounds])
            assert len(handed_on) == 48_000
            came = np.concatenate([mono(frame) for frame in heard])
            first = int(np.flatnonzero(np.abs(came) > 32)[0])
            assert np.array_equal(handed_on, came[max(0, first - 120) :][:48_000])
            assert np.abs(came[first + 48_000 :]).max(initial=0) < 1000, "no speech is cut off"
            # By its time stamps: a machine that stands still for long leaves some of it out.
            loud = [frame.pts or 0 for frame in heard if np.abs(mono(frame)).max() > 1000]
            assert 0.5 < (loud[-1] + 960 - loud[0]) / 48_000 < 1.1
            await generator.push_audio(frames(tone(5))[0])
            await generator.clear_buffer()
        finally:
            await client.aclose()


def mono(frame: AudioFrame) -> NDArray[np.int16]:
    """The mean of left and right."""
    samples = frame.to_ndarray().reshape(-1, 2)
    mean: NDArray[np.int16] = np.rint(samples.mean(axis=1)).astype(np.int16)
    return mean


class Stage(rtc.Room):
    """A room that is there, with somebody who takes all tracks; no server."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[rtc.LocalTrack] = []

    def isconnected(self) -> bool:
        return True

    @property
    def local_participant(self) -> "Stage":  # type: ignore[override]
        return self

    async def publish_track(self, track: rtc.LocalTrack, _: rtc.TrackPublishOptions) -> "Stage":
        self.published.append(track)
        return self

    async def wait_for_subscription(self) -> None:
        pass


async def test_livekits_runner_reports_the_position_in_what_was_given(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        client = AvatarClient(f"http://{address}", "first")
        await client.connect()
        generator = LikenessVideoGenerator(client)
        agent = avatar.QueueAudioOutput(sample_rate=24_000)
        stage = Stage()
        runner = avatar.AvatarRunner(
            stage, audio_recv=agent, video_gen=generator, options=generator.options(256)
        )
        finished: asyncio.Queue[PlaybackFinishedEvent] = asyncio.Queue()
        agent.on("playback_finished", finished.put_nowait)
        await runner.start()
        try:
            for seconds in (2.0, 0.5):
                for frame in frames(tone(seconds)):
                    await agent.capture_frame(frame)
                agent.flush()
                async with asyncio.timeout(30):
                    told = await finished.get()
                assert told.playback_position == pytest.approx(seconds, abs=1e-6)
                assert not told.interrupted
            assert len(stage.published) == 2
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for frame in frames(tone(5)):
                await agent.capture_frame(frame)
            agent.flush()
            await asyncio.sleep(1.5)
            agent.clear_buffer()
            async with asyncio.timeout(30):
                told = await finished.get()
            passed_s = loop.time() - began_s
            assert told.interrupted
            # Less than passed since: the server's playout delay, and buffers.
            assert 0 < told.playback_position < passed_s - 0.1
        finally:
            await runner.aclose()
            await client.aclose()


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

    async def say(self, pcm: bytes) -> None:
        pass

    async def end(self) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[Received]:
        for received in self._received:
            yield received


def started(utterance: int) -> PlaybackStarted:
    return PlaybackStarted(utterance=utterance)


def finished(utterance: int, *, interrupted: bool = False) -> PlaybackFinished:
    return PlaybackFinished(utterance=utterance, position_ms=0.0, interrupted=interrupted)


def packet(level: int = 10_000) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.full((1, 1920), level, np.int16), "s16", "stereo")
    frame.sample_rate = 48_000
    return frame


async def give(generator: LikenessVideoGenerator, packets: float) -> None:
    """Give an utterance of so many packets."""
    for frame in frames(tone(packets * 0.02)):
        await generator.push_audio(frame)
    await generator.push_audio(avatar.AudioSegmentEnd())


async def made(frames: AsyncIterable[object]) -> list[type]:
    return [type(frame) async for frame in frames]


async def test_silence_around_an_utterance_is_not_handed_on() -> None:
    script = Script(packet(), started(1), packet(0), packet(), finished(1), packet(), packet(0))
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await give(generator, packets=2)
    assert await made(generator) == [rtc.AudioFrame, rtc.AudioFrame, avatar.AudioSegmentEnd]


async def test_the_end_comes_with_the_last_sound_and_not_with_the_next_message() -> None:
    script = Script(started(1), packet(), finished(1), started(2), packet(), packet(), finished(2))
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await give(generator, packets=2)
    await give(generator, packets=1)
    end = avatar.AudioSegmentEnd
    assert await made(generator) == [rtc.AudioFrame, rtc.AudioFrame, end, rtc.AudioFrame, end]


async def test_what_is_left_of_a_packet_the_next_utterance_begins_with() -> None:
    script = Script(started(1), packet(), started(2), packet(), finished(1), finished(2))
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await give(generator, packets=1.5)
    await give(generator, packets=0.5)
    end = avatar.AudioSegmentEnd
    assert await made(generator) == [rtc.AudioFrame, rtc.AudioFrame, end, rtc.AudioFrame, end]


async def test_after_an_interruption_what_comes_is_no_speech() -> None:
    # `clear_buffer` comes before what was told earlier is taken.
    script = Script(started(1), packet(), finished(1, interrupted=True), packet(), packet())
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await give(generator, packets=5)
    await generator.clear_buffer()
    assert await made(generator) == []


async def test_an_utterance_that_is_over_as_it_is_cleared_does_not_end_the_next() -> None:
    script = Script(started(1), packet(), finished(1), packet(), started(2), packet())
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await give(generator, packets=2)
    frames = aiter(generator)
    assert isinstance(await anext(frames), rtc.AudioFrame)
    await generator.clear_buffer()
    await give(generator, packets=1)
    assert await made(frames) == [rtc.AudioFrame, avatar.AudioSegmentEnd]


async def test_who_is_cut_off_by_others_is_told_the_end() -> None:
    script = Script(started(1), packet(), finished(1, interrupted=True), packet())
    generator = LikenessVideoGenerator(script)  # type: ignore[arg-type]
    await give(generator, packets=5)
    assert await made(generator) == [rtc.AudioFrame, avatar.AudioSegmentEnd]
