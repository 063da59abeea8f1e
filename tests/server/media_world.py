"""One call's media path in a time that the test makes: no network, no thread, no waiting."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from model.identity.identity import Identity
from server.config import VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.inference import HopJob, HopResult, InferenceError, InferenceThread
from server.media import SessionMedia
from server.metrics import Metrics
from server.outlet import CallOutlet
from server.sdp import VideoCodec
from server.tracks import picture_track, voice_track
from streaming.config import StreamConfig
from tests.server.fakes import SIZE_PX, FakeAvatar, FakeIdentity

PACKET_S = 0.02
STREAM = StreamConfig(playout_delay_ms=240, compute_budget_ms=50)


class LaterInference(InferenceThread):
    """Computes a hop at once, but hands it back when the test says so."""

    def __init__(self, avatar: FakeAvatar) -> None:
        super().__init__(avatar)
        self.jobs: list[HopJob[EncodedFrame]] = []
        self.coded: list[bytes] = []
        self.futures: list[asyncio.Future[HopResult]] = []
        self.failure: InferenceError | None = None
        self.submitted = asyncio.Event()

    def submit(self, job: HopJob[EncodedFrame]) -> asyncio.Future[HopResult]:
        self.jobs.append(job)
        self.submitted.set()
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    def hand_back(self) -> None:
        job = self.jobs[-1]
        if self.failure is not None:
            self.futures[-1].set_exception(self.failure)
            return
        pictures = self.avatar.render(
            job.identity,
            self.avatar.animate([job.request])[0][list(job.rows)],
            job.request.state,
            painted=job.painted,
            mouth_gain=[job.mouth_gain(frame) for frame in job.frames],
        )
        for picture, index in zip(pictures, job.frames, strict=True):
            frame = job.coder.encode(picture, _no_cutout, index)
            self.coded.append(frame.data)
            job.on_frame(frame)
        self.futures[-1].set_result(HopResult(1, 0.0, 0.0, 0.0, 0.0))


def _no_cutout() -> NDArray[np.uint8]:
    raise AssertionError("a caller sees the whole picture")


@dataclass
class Sent:
    """A packet and the time it left."""

    at_s: float
    data: bytes
    pts_s: Fraction


@dataclass
class World:
    """One session, time, a microphone, and a model that takes ``compute_s`` for a hop."""

    media: SessionMedia[EncodedFrame]
    inference: LaterInference
    outlet: CallOutlet
    metrics: Metrics
    clock: list[float]
    compute_s: float = 0.03
    voice: list[Sent] = field(default_factory=list)
    pictures: list[Sent] = field(default_factory=list)
    draining: bool = True
    _packets: int = 0
    _ready_s: float = math.inf

    async def run(self, seconds: float, *, lost: Callable[[int], bool] = lambda _: False) -> None:
        """Let time pass; the microphone delivers a packet every 20 ms, if it is not ``lost``."""
        end = self.clock[0] + seconds
        while True:
            due = self.media.step()
            await self._collect()
            if self._ready_s == math.inf and len(self.inference.jobs) > self.finished:
                self._ready_s = self.clock[0] + self.compute_s
            spoken = (self._packets + 1) * PACKET_S
            next_s = min(spoken, self._ready_s, due)
            if next_s > end:
                return
            self.clock[0] = max(self.clock[0], next_s)
            if next_s == spoken:
                self.hear(lost=lost(self._packets))
            if next_s == self._ready_s:
                self._ready_s = math.inf
                self.inference.hand_back()

    def hear(self, *, lost: bool = False) -> None:
        """Let the microphone's next packet arrive, or not."""
        if not lost:
            pcm = np.full((960, 1), 8000, np.int16)
            self.media.stream.push_audio(pcm, self._packets * 960, 48_000, self.clock[0])
        self._packets += 1

    @property
    def finished(self) -> int:
        return sum(future.done() for future in self.inference.futures)

    async def _collect(self) -> None:
        if not self.draining:
            return
        for track, sent in (
            (self.outlet.voice_track, self.voice),
            (self.outlet.picture_track, self.pictures),
        ):
            while track.queued_packets:
                packet = await track.recv()
                assert packet.pts is not None
                sent.append(Sent(self.clock[0], bytes(packet), packet.pts * track.time_base))


def new_world() -> World:
    """Return a world at its beginning. Call it on the event loop."""
    clock = [0.0]
    inference = LaterInference(FakeAvatar())
    metrics = Metrics()
    outlet = CallOutlet(
        picture_track(),
        PictureEncoder(VideoCodec.H264, VideoConfig(size_px=SIZE_PX)),
        voice_track(),
        VoiceEncoder(VoiceConfig()),
        metrics,
    )
    media = SessionMedia(
        STREAM,
        inference,
        cast(Identity, FakeIdentity(0)),
        inference.avatar.open(0),
        outlet,
        metrics,
        lambda: clock[0],
    )
    return World(media, inference, outlet, metrics, clock)
