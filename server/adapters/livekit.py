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

from model.rates import FPS
from server.adapters.client import AvatarClient
from server.voice_messages import PlaybackFinished, PlaybackStarted
from streaming.rates import VOICE_RATE

# The message that an utterance is over overtakes its last sound by what WebRTC's buffers hold.
_TAIL_S = 0.15


class LikenessVideoGenerator(VideoGenerator):
    """What ``client`` shows and says. Connect it before, close it after.

    Sound is handed on only while an utterance is heard: the runner counts it as the position.
    """

    def __init__(self, client: AvatarClient) -> None:
        self._client = client
        self._is_heard = False
        self._ends_at: float | None = None

    @staticmethod
    def options(size_px: int) -> AvatarOptions:
        """What the runner has to expect of a server whose pictures are ``size_px`` on a side."""
        return AvatarOptions(size_px, size_px, float(FPS), VOICE_RATE, 1)

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Say it. Raises ValueError for another rate than the client's, and for stereo."""
        if isinstance(frame, AudioSegmentEnd):
            await self._client.end()
            return
        found = (frame.sample_rate, frame.num_channels)
        if found != (self._client.sample_rate, 1):
            raise ValueError(
                f"found speech at {found[0]} Hz with {found[1]} channels, expected"
                f" {self._client.sample_rate} Hz and 1: make the AvatarClient with its rate"
            )
        await self._client.say(bytes(frame.data))

    async def clear_buffer(self) -> None:
        """Fall silent at once."""
        self._is_heard, self._ends_at = False, None
        await self._client.clear()

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Pictures always, sound while there is some; raises AvatarError when the server goes."""
        return self._frames()

    async def _frames(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        clock = asyncio.get_running_loop().time
        async for received in self._client:
            is_told = isinstance(received, PlaybackStarted | PlaybackFinished)
            if self._ends_at is not None and (is_told or clock() >= self._ends_at):
                self._is_heard, self._ends_at = False, None
                yield AudioSegmentEnd()
            if isinstance(received, PlaybackStarted):
                self._is_heard = True
            elif isinstance(received, PlaybackFinished):
                if received.interrupted:
                    self._is_heard = False
                else:
                    self._ends_at = clock() + _TAIL_S
            elif isinstance(received, VideoFrame):
                yield _picture(received)
            elif self._is_heard:
                yield _sound(received)


def _picture(frame: VideoFrame) -> rtc.VideoFrame:
    i420 = frame.to_ndarray(format="yuv420p").tobytes()
    return rtc.VideoFrame(frame.width, frame.height, rtc.VideoBufferType.I420, i420)


def _sound(frame: AudioFrame) -> rtc.AudioFrame:
    pcm = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    mono = np.rint(pcm.mean(axis=1)).astype("<i2")
    return rtc.AudioFrame(mono.tobytes(), frame.sample_rate, 1, len(mono))
