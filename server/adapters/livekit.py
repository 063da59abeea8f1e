"""Likeness as the avatar of a LiveKit agent (``pip install '/path/to/likeness[livekit]'``).

Give a generator to LiveKit's runner, which publishes what it makes in the agent's room::

    client = AvatarClient("http://localhost:8080", "astronaut")
    await client.connect()
    generator = LikenessVideoGenerator(client)
    runner = AvatarRunner(
        room, audio_recv=receiver, video_gen=generator, options=generator.options(512)
    )
    await runner.start()
"""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from av import AudioFrame, VideoFrame
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator
from numpy.typing import NDArray

from model.rates import FPS
from server.adapters.client import AvatarClient
from server.adapters.livekit_segments import Segments
from server.voice_messages import PlaybackFinished, PlaybackStarted
from streaming.rates import VOICE_RATE


class LikenessVideoGenerator(VideoGenerator):
    """What ``client`` shows and says. Connect it before, close it after; speak by this only.

    Of the sound that comes, as much is handed on as was given: the runner counts it as the
    position. See `Segments`.
    """

    def __init__(self, client: AvatarClient) -> None:
        self._client = client
        self._segments = Segments()

    @staticmethod
    def options(size_px: int) -> AvatarOptions:
        """What the runner has to expect of a server whose pictures are ``size_px`` on a side."""
        return AvatarOptions(size_px, size_px, float(FPS), VOICE_RATE, 1)

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Say it. Raises ValueError for another rate than the client's, and for stereo."""
        if isinstance(frame, AudioSegmentEnd):
            self._segments.complete()
            await self._client.end()
            return
        found = (frame.sample_rate, frame.num_channels)
        if found != (self._client.sample_rate, 1):
            raise ValueError(
                f"found speech at {found[0]} Hz with {found[1]} channels, expected"
                f" {self._client.sample_rate} Hz and 1: make the AvatarClient with its rate"
            )
        self._segments.give(frame.samples_per_channel * VOICE_RATE // self._client.sample_rate)
        await self._client.say(bytes(frame.data))

    async def clear_buffer(self) -> None:
        """Fall silent at once."""
        self._segments.clear()
        await self._client.clear()

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Pictures always, sound while there is some; raises AvatarError when the server goes."""
        return self._frames()

    async def _frames(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        clock = asyncio.get_running_loop().time
        async for received in self._client:
            if isinstance(received, PlaybackStarted):
                self._segments.start(received.utterance)
            elif isinstance(received, PlaybackFinished):
                tell = self._segments.cut if received.interrupted else self._segments.finish
                tell(received.utterance, clock())
            elif isinstance(received, VideoFrame):
                yield _picture(received)
            else:
                own, rest = self._segments.hear(_mono(received))
                # What is left of a packet, another utterance may begin with.
                while len(own):
                    yield _sound(own)
                    if not self._segments.take_end(clock()):
                        break
                    yield AudioSegmentEnd()
                    own, rest = self._segments.hear(rest)
            while self._segments.take_end(clock()):
                yield AudioSegmentEnd()


def _picture(frame: VideoFrame) -> rtc.VideoFrame:
    i420 = frame.to_ndarray(format="yuv420p").tobytes()
    return rtc.VideoFrame(frame.width, frame.height, rtc.VideoBufferType.I420, i420)


def _mono(frame: AudioFrame) -> NDArray[np.int16]:
    """Return (samples,)."""
    pcm = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    mono: NDArray[np.int16] = np.rint(pcm.mean(axis=1)).astype(np.int16)
    return mono


def _sound(pcm: NDArray[np.int16]) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm.astype("<i2").tobytes(), VOICE_RATE, 1, len(pcm))
