"""Recordings that are signed, or left over, and signers that take their time."""

import asyncio
import os
import time
from pathlib import Path
from threading import Event

import pytest

from server import recordings_signer
from server.config import Config, TrustConfig, VideoConfig
from server.metrics import Metrics
from server.outgoing_config import RecordingConfig
from server.recorder import Recorder
from server.recordings import Entry, Recordings
from server.sdp import VideoCodec
from server.signing_job import SigningError, SigningJob
from tests.server.fakes import SIZE_PX
from tests.server.media import Source
from tests.server.test_recordings import H264, end, feed

MARKED = TrustConfig()


def signing(folder: Path, trust: TrustConfig = MARKED) -> Recordings:
    video, recording = VideoConfig(size_px=SIZE_PX), RecordingConfig(folder=folder)
    return Recordings(Config(video=video, recording=recording, trust=trust), Metrics())


async def recorded(recordings: Recordings, codec: VideoCodec = H264, frames: int = 30) -> Recorder:
    recorder = recordings.begin(codec, "call", "somebody", None)
    feed(recorder, Source(codec), frames)
    recorder.stop()
    assert await end(recorder) is None
    return recorder


async def signed(recordings: Recordings, recording_id: str) -> Entry:
    """Wait until it is not to be signed any more; return what it is then."""
    async with asyncio.timeout(60):
        while (entry := recordings.get(recording_id)).is_signing:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return entry


def unsigned(recordings: Recordings, reason: str) -> float | None:
    return recordings._metrics.registry.get_sample_value(
        "likeness_recordings_unsigned_total", {"reason": reason}
    )


async def left_over(folder: Path) -> Path:
    """A recording as a server leaves it that does not sign."""
    recorder = await recorded(signing(folder, TrustConfig(credentials=False)))
    return aged(folder / f"{recorder.id}.mp4")


def aged(media: Path) -> Path:
    """Nobody has written to it for a while."""
    an_hour_ago = time.time() - 3600
    os.utime(media, (an_hour_ago, an_hour_ago))
    return media


class SlowJob(SigningJob):
    """Signs nothing until it is killed, or ``gate`` opens."""

    gate = Event()
    begun: list[str] = []  # noqa: RUF012 - reset by each test

    def run(self) -> bool:
        self.begun.append(self._media.name)
        assert self.gate.wait(20)
        if self.is_killed:
            raise SigningError("killed")
        return True

    def kill(self) -> None:
        super().kill()
        self.gate.set()


def slow_down(monkeypatch: pytest.MonkeyPatch) -> type[SlowJob]:
    """Let all signers wait for the gate of what is returned."""
    SlowJob.gate.clear()
    SlowJob.begun.clear()
    monkeypatch.setattr(recordings_signer, "SigningJob", SlowJob)
    return SlowJob
