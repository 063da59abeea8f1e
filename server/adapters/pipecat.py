"""Likeness as a step of a Pipecat pipeline (``pip install '/path/to/likeness[pipecat]'``).

Put it between the speech synthesis and the output of the transport::

    face = LikenessVideoService(AvatarClient("http://localhost:8080", "astronaut"))
    pipeline = Pipeline([transport.input(), stt, llm, tts, face, transport.output()])

with ``video_out_enabled=True``, ``video_out_is_live=True`` and the picture's size in the
transport's parameters.
"""

import numpy as np
from av import AudioFrame, VideoFrame
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from server.adapters.client import AvatarClient, AvatarError
from server.adapters.last_words import LastWords
from server.voice_messages import PlaybackFinished


class LikenessVideoService(FrameProcessor):
    """Takes the synthesised speech out of the pipeline, and puts the avatar's sound and picture in.

    It connects ``client`` when the pipeline starts, and closes it when that is cancelled, or ends:
    then after the last words were heard. An interruption silences the avatar. A server that refuses
    or goes is told as an error of the pipeline.
    """

    def __init__(self, client: AvatarClient) -> None:
        super().__init__()
        self._client = client
        self._words = LastWords(client.sample_rate)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See FrameProcessor. Raises ValueError for speech that is not at the client's rate."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            await self._say(frame)
        elif isinstance(frame, TTSStartedFrame):
            pass  # the transport tells from the avatar's sound when it speaks
        elif isinstance(frame, TTSStoppedFrame):
            await self._end()
        elif isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)
            await self._connect()
        else:
            if isinstance(frame, InterruptionFrame):
                self._words.clear()
                await self._client.clear()
            elif isinstance(frame, EndFrame):
                await self._end()
                await self._words.wait()
                await self._client.aclose()
            elif isinstance(frame, CancelFrame):
                self._words.clear()
                await self._client.aclose()
            await self.push_frame(frame, direction)

    async def _connect(self) -> None:
        try:
            await self._client.connect()
        except AvatarError as error:
            await self.push_error(str(error), error, fatal=True)
            return
        self.create_task(self._show(), "show")

    async def _say(self, frame: TTSAudioRawFrame) -> None:
        found = (frame.sample_rate, frame.num_channels)
        if found != (self._client.sample_rate, 1):
            raise ValueError(
                f"found speech at {found[0]} Hz with {found[1]} channels, expected"
                f" {self._client.sample_rate} Hz and 1: make the AvatarClient with its rate"
            )
        self._words.say(frame.audio)
        await self._client.say(frame.audio)

    async def _end(self) -> None:
        if self._words.is_open:
            self._words.end()
            await self._client.end()

    async def _show(self) -> None:
        try:
            async for received in self._client:
                if isinstance(received, PlaybackFinished):
                    self._words.finish(received.utterance)
                elif isinstance(received, VideoFrame):
                    size = (received.width, received.height)
                    rgb = received.to_ndarray(format="rgb24").tobytes()
                    await self.push_frame(OutputImageRawFrame(rgb, size, "RGB"))
                elif isinstance(received, AudioFrame):
                    pcm = received.to_ndarray().reshape(-1, received.layout.nb_channels)
                    mono = np.rint(pcm.mean(axis=1)).astype("<i2").tobytes()
                    await self.push_frame(
                        SpeechOutputAudioRawFrame(mono, received.sample_rate, num_channels=1)
                    )
        except AvatarError as error:
            self._words.clear()
            await self.push_error(str(error), error, fatal=True)
