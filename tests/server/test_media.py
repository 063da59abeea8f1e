"""The media path in a world whose time the test makes: no network, no thread, no waiting."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from numpy.typing import NDArray

from model.identity.identity import Identity
from model.rates import FRAME_MS
from server.config import VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.inference import HopJob, HopResult, InferenceError, InferenceThread
from server.media import SessionMedia
from server.media_file import is_keyframe
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
                pcm = np.full((960, 1), 8000, np.int16)
                if not lost(self._packets):
                    self.media.stream.push_audio(pcm, self._packets * 960, 48_000, self.clock[0])
                self._packets += 1
            if next_s == self._ready_s:
                self._ready_s = math.inf
                self.inference.hand_back()

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


def session(
    inference: InferenceThread, clock: list[float]
) -> tuple[SessionMedia[EncodedFrame], CallOutlet, Metrics]:
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
    return media, outlet, metrics


@pytest.fixture
async def world() -> World:
    clock = [0.0]
    inference = LaterInference(FakeAvatar())
    media, outlet, metrics = session(inference, clock)
    return World(media, inference, outlet, metrics, clock)


async def test_sound_and_picture_leave_at_the_same_moment_with_the_same_time(world: World) -> None:
    await world.run(3)
    left = {sent.pts_s: sent.at_s for sent in world.voice}
    assert len(world.pictures) > 50
    for picture in world.pictures:
        assert picture.at_s == left[picture.pts_s]
    delays = {round(sent.at_s - float(sent.pts_s) - PACKET_S, 6) for sent in world.voice[20:]}
    assert max(delays) - min(delays) < 0.001
    assert world.media.stream.stats.late_frames == 0


async def test_voice_keeps_time_and_every_picture_is_sent_when_computing_is_slow(
    world: World,
) -> None:
    await world.run(1)
    world.compute_s = 0.3
    await world.run(2)
    gaps = np.diff([sent.at_s for sent in world.voice])
    assert gaps.max() < PACKET_S + 0.001
    stats = world.media.stream.stats
    assert stats.dropped_frames > 0
    assert stats.num_steps < 4
    coded, sent = world.inference.coded, [picture.data for picture in world.pictures]
    assert sent == coded[: len(sent)]
    assert len(coded) - len(sent) <= STREAM.max_behind_ms / FRAME_MS
    assert world.media.frames_sent < len(coded)


async def test_a_picture_is_stamped_with_when_it_leaves_however_slow_computing_is(
    world: World,
) -> None:
    await world.run(1)
    world.compute_s = 0.09
    await world.run(4)
    stats = world.media.stream.stats
    assert min(stats.on_time_frames, stats.late_frames) > 0
    delays = [sent.at_s - float(sent.pts_s) for sent in (*world.voice, *world.pictures)]
    assert delays == pytest.approx([delays[0]] * len(delays), abs=1e-3)


async def test_lost_sound_is_silence_and_the_picture_goes_on(world: World) -> None:
    await world.run(1)
    await world.run(2, lost=lambda packet: packet % 5 == 0)
    await world.run(2, lost=lambda _: True)
    sent, pictures = len(world.voice), len(world.pictures)
    await world.run(1)
    assert np.diff([sent.at_s for sent in world.voice]).max() < PACKET_S + 0.001
    pts = [sent.pts_s for sent in world.voice]
    assert pts == [Fraction(index, 50) for index in range(len(pts))]
    assert (len(world.voice) - sent, len(world.pictures) - pictures) == (50, 25)
    assert world.media.stream.stats.concealed_ms >= 2300
    assert world.media.stream.stats.repeated_frames == 0


async def test_a_hop_is_told_which_rows_to_draw(world: World) -> None:
    await world.run(0.5)
    first, second = world.inference.jobs[:2]
    assert (first.frames, first.rows) == ((), ())
    assert (second.frames, second.rows) == ((0, 1), (0, 1))
    assert second.request.samples.shape == (1280,)
    assert second.deadline_s == pytest.approx(0.24 + 0.0, abs=0.03)


async def test_a_slow_machine_draws_at_half_the_size_and_sends_pictures_as_large(
    world: World,
) -> None:
    await world.run(1)
    world.compute_s = 0.3
    await world.run(8)
    assert world.media.stream.stats.halved
    sizes = [job.identity.size_px for job in world.inference.jobs]
    assert (sizes[0], sizes[-1]) == (SIZE_PX, SIZE_PX // 2)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [frame for data in world.inference.coded for frame in decoder.decode(av.Packet(data))]
    assert {(frame.width, frame.height) for frame in shown} == {(SIZE_PX, SIZE_PX)}


async def test_the_first_picture_of_another_face_is_a_key_frame(world: World) -> None:
    await world.run(1)
    while world.inference.futures[-1].done():
        await world.run(0.03)
    before = len(world.inference.coded)
    in_flight = len(world.inference.jobs[-1].frames)
    world.media.identity = cast(Identity, FakeIdentity(200))
    await world.run(0.5)
    is_key = [is_keyframe(VideoCodec.H264, data) for data in world.inference.coded[before:]]
    assert in_flight > 0
    assert is_key.index(True) == in_flight
    assert world.inference.jobs[-1].identity is world.media.identity


async def test_a_failed_hop_is_an_error(world: World) -> None:
    await world.run(0.5)
    world.inference.failure = InferenceError("computing motion failed")
    with pytest.raises(InferenceError):
        await world.run(0.5)


async def test_a_stuck_sender_loses_old_packets_and_gets_a_key_frame(world: World) -> None:
    await world.run(1)
    world.draining = False
    await world.run(0.5)
    world.draining = True
    before = len(world.pictures)
    await world.run(0.5)
    assert world.metrics.registry.get_sample_value("likeness_dropped_packets_total") == (
        world.outlet.voice_track.dropped_packets + world.outlet.picture_track.dropped_packets
    )
    assert world.outlet.picture_track.dropped_packets > 0
    assert any(sent.data[4] & 0x1F == 7 for sent in world.pictures[before:]), "an SPS: a key frame"


class Script(MediaStreamTrack):
    """A remote track that gives what is written in it, then ends."""

    kind = "audio"

    def __init__(self, sounds: list[AudioFrame]) -> None:
        super().__init__()
        self.sounds = sounds

    async def recv(self) -> AudioFrame:
        if not self.sounds:
            raise MediaStreamError
        return self.sounds.pop(0)


def sound(index: int) -> AudioFrame:
    """Packet ``index`` as aiortc decodes it: stereo, louder on the left."""
    pcm = np.tile(np.array([9000, 7000], np.int16), 960)[None]
    made = AudioFrame.from_ndarray(pcm, format="s16", layout="stereo")
    made.sample_rate, made.pts, made.time_base = 48_000, index * 960, Fraction(1, 48_000)
    return made


@pytest.mark.parametrize(("paused", "level"), [(False, 8000 / 32768), (True, 0.0)])
async def test_the_microphone_is_drained_and_heard(
    world: World, *, paused: bool, level: float
) -> None:
    track = Script([sound(index) for index in (0, 2, 1, 3, 5, 4)])
    world.media.paused = paused
    await world.media.listen(track)
    assert track.sounds == []
    world.clock[0] = 0.3
    world.media.step()
    (job,) = world.inference.jobs
    assert np.median(np.abs(job.request.samples)) == pytest.approx(level, abs=0.01)


async def test_cancelled_playing_withdraws_its_hop(world: World) -> None:
    await world.media.listen(Script([sound(index) for index in range(6)]))
    world.clock[0] = 0.2
    playing = asyncio.create_task(world.media.play())
    await world.inference.submitted.wait()
    playing.cancel()
    await asyncio.wait([playing])
    assert playing.cancelled()
    assert world.inference.futures[-1].cancelled()
