"""A Pipecat pipeline whose agent has a face, with a real server; only the model is a fake."""

import asyncio

import numpy as np
import pytest

from server.adapters.client import AvatarClient
from tests.server.conftest import Serve
from tests.server.sockets import listening, tone

pytest.importorskip("pipecat", reason="needs `pip install '.[pipecat]'`")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def test_speech_goes_in_and_a_face_comes_out(serve: Serve) -> None:
    from pipecat.frames.frames import (
        InterruptionFrame,
        OutputImageRawFrame,
        SpeechOutputAudioRawFrame,
        TTSAudioRawFrame,
        TTSStoppedFrame,
    )
    from pipecat.tests.utils import SleepFrame, run_test

    from server.adapters.pipecat import LikenessVideoService

    async with serve() as running, listening(running) as address:
        face = LikenessVideoService(AvatarClient(f"http://{address}", "first"))
        speech = TTSAudioRawFrame(tone(10), 24_000, 1)
        async with asyncio.timeout(60):
            down, _ = await run_test(
                face,
                frames_to_send=[
                    SleepFrame(sleep=1.0),
                    speech,
                    TTSStoppedFrame(),
                    SleepFrame(sleep=2.0),
                    InterruptionFrame(),
                    SleepFrame(sleep=1.0),
                ],
            )
        sounds = [frame for frame in down if isinstance(frame, SpeechOutputAudioRawFrame)]
        loud = [np.abs(np.frombuffer(s.audio, "<i2")).max() > 5000 for s in sounds]
        assert any(loud)
        assert not any(loud[-10:])
        pictures = [frame for frame in down if isinstance(frame, OutputImageRawFrame)]
        assert len(pictures) > 20
        assert pictures[0].size == (256, 256)
        assert len(pictures[0].image) == 256 * 256 * 3
        assert not any(isinstance(frame, TTSAudioRawFrame) for frame in down)
        assert any(isinstance(frame, InterruptionFrame) for frame in down)


async def test_the_farewell_is_heard_to_its_end(serve: Serve) -> None:
    from pipecat.frames.frames import SpeechOutputAudioRawFrame, TTSAudioRawFrame, TTSStoppedFrame
    from pipecat.tests.utils import SleepFrame, run_test

    from server.adapters.pipecat import LikenessVideoService

    async with serve() as running, listening(running) as address:
        face = LikenessVideoService(AvatarClient(f"http://{address}", "first"))
        async with asyncio.timeout(60):
            # It ends the pipeline as soon as all of this was sent.
            down, _ = await run_test(
                face,
                frames_to_send=[
                    SleepFrame(sleep=1.0),
                    TTSAudioRawFrame(tone(2), 24_000, 1),
                    TTSStoppedFrame(),
                ],
            )
        sounds = [frame for frame in down if isinstance(frame, SpeechOutputAudioRawFrame)]
        pcm = np.concatenate([np.frombuffer(sound.audio, "<i2") for sound in sounds])
        loud = np.flatnonzero(np.abs(pcm.astype(int)) > 5000)
        assert loud[-1] - loud[0] > 1.9 * 48_000
