"""What each of an audience is sent, in a time that the test makes pass."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.rates import FPS, FRAME_MS
from server.broadcast import MAX_CATCH_UP_FRAMES, Broadcast, Rendition, Seat, SeatReceiver
from server.config import VideoConfig, VoiceConfig
from server.encoders import EncodedFrame
from server.metrics import Metrics
from server.sdp import VideoCodec
from server.tracks import PacketTrack, picture_track, voice_track
from streaming.rates import VIDEO_TICKS_PER_FRAME, VOICE_CHUNK_SAMPLES

SIZE_PX = 256
# A key frame that is asked for comes with the next hop; this is the longest until it leaves.
PROMPT_MS = 200


def cut_out() -> NDArray[np.uint8]:
    raise AssertionError("nobody wants only the person")


class Stage:
    """A broadcast whose face is drawn and sent at once, 25 times a second of virtual time."""

    def __init__(self, keyframe_interval_s: float = 60) -> None:
        self.now_s = 100.0
        self.sent: list[dict[VideoCodec, EncodedFrame]] = []
        self.coded_keyframes = 0
        video = VideoConfig(size_px=SIZE_PX, keyframe_interval_s=keyframe_interval_s)
        self.metrics = Metrics()
        self.broadcast = Broadcast(video, VoiceConfig(), self.metrics, clock=lambda: self.now_s)
        self._rng = np.random.default_rng(0)

    def play(self, frames: int) -> None:
        for _ in range(frames):
            index = len(self.sent)
            rgb = self._rng.integers(0, 255, (SIZE_PX, SIZE_PX, 3), np.uint8)
            frame = self.broadcast.coder.encode(rgb, cut_out, index)
            self.sent.append(
                {own.codec: coded for own, coded in frame.coded.items() if own.rung == 0}
            )
            self.coded_keyframes += sum(coded.is_keyframe for coded in frame.coded.values())
            self.broadcast.send_picture(frame, index * VIDEO_TICKS_PER_FRAME)
            voice = np.zeros((VOICE_CHUNK_SAMPLES, 1), np.int16)
            self.broadcast.send_voice(voice, 2 * index * VOICE_CHUNK_SAMPLES)
            self.now_s += FRAME_MS / 1000

    def keyframes(self, codec: VideoCodec) -> int:
        return sum(codec in sent and sent[codec].is_keyframe for sent in self.sent)


def seat(codec: VideoCodec = VideoCodec.H264) -> Seat:
    return Seat(Rendition(codec), picture_track(MAX_CATCH_UP_FRAMES), voice_track())


def receiver(stage: Stage, own: Seat) -> SeatReceiver:
    assert isinstance(own.picture_track, PacketTrack)
    return SeatReceiver(stage.broadcast, own, own.picture_track)


async def taken(own: Seat) -> list[int]:
    """Take what waits for a viewer; return the indices of its pictures."""
    track, voice = own.picture_track, own.voice_track
    assert isinstance(track, PacketTrack)
    assert isinstance(voice, PacketTrack)
    packets = [await track.recv() for _ in range(track.queued_packets)]
    for _ in range(voice.queued_packets):
        await voice.recv()
    return [(packet.pts or 0) // VIDEO_TICKS_PER_FRAME for packet in packets]


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("after_frames", [0, 1, 7, 24, 25, 26, 27, 40, 130])
async def test_who_comes_sees_a_whole_picture_within_200_ms(
    codec: VideoCodec, after_frames: int
) -> None:
    stage = Stage()
    first = seat(codec)
    stage.broadcast.take_seat(first)
    for _ in range(after_frames):
        stage.play(1)
        await taken(first)
    late = seat(codec)
    stage.broadcast.take_seat(late)
    stage.play(PROMPT_MS // FRAME_MS)
    pictures = await taken(late)
    assert stage.sent[pictures[0]][codec].is_keyframe
    assert pictures == list(range(pictures[0], len(stage.sent)))


async def test_many_who_come_cost_no_more_than_a_key_frame_a_second() -> None:
    stage = Stage()
    everyone: list[Seat] = []
    for _ in range(10 * FPS):
        everyone.append(seat())
        stage.broadcast.take_seat(everyone[-1])
        stage.play(1)
        for own in everyone:
            await taken(own)
    assert 1 <= stage.keyframes(VideoCodec.H264) <= 10


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_a_viewer_on_a_narrow_way_gets_less_and_misses_nothing(codec: VideoCodec) -> None:
    stage = Stage()
    narrow, other = seat(codec), seat(codec)
    receivers = [receiver(stage, own) for own in (narrow, other)]
    for own in (narrow, other):
        stage.broadcast.take_seat(own)
    seen: list[int] = []
    sizes: list[tuple[int, int]] = []
    for frame in range(6 * FPS):
        if frame == FPS:
            receivers[0].change_rung(2)
        if frame == 4 * FPS:
            receivers[0].change_rung(0)
        before = [own.sent_bytes for own in receivers]
        stage.play(1)
        seen += await taken(narrow)
        await taken(other)
        sizes.append((receivers[0].sent_bytes - before[0], receivers[1].sent_bytes - before[1]))
    assert seen == list(range(6 * FPS))
    same = [own == others for own, others in sizes]
    assert all(same[:FPS])
    assert not any(same[FPS + 1 : 4 * FPS])
    assert all(same[5 * FPS :])
    assert sum(own for own, _ in sizes[2 * FPS : 4 * FPS]) < 0.6 * sum(
        others for _, others in sizes[2 * FPS : 4 * FPS]
    )
    # Nobody else paid for it with a key frame, but one for the way back.
    assert stage.keyframes(codec) <= 2
    assert stage.broadcast.coder.wanted == {Rendition(codec)}


async def test_a_viewer_whose_way_is_full_gets_nothing_until_it_is_empty() -> None:
    stage = Stage()
    narrow, other, third = seat(), seat(), seat()
    third.rendition = Rendition(VideoCodec.H264, rung=2)
    for own in (narrow, other, third):
        stage.broadcast.take_seat(own)
    for _ in range(2):
        stage.play(FPS)
        for own in (narrow, other, third):
            await taken(own)
    # What others get at that bitrate is no reason to end the pause, nor to ask for key frames.
    receiver(stage, narrow).change_rung(2, pause_ms=500)
    before = stage.coded_keyframes
    stage.play(10)
    assert await taken(narrow) == []
    assert stage.coded_keyframes == before
    stage.play(5)
    assert await taken(narrow) == [2 * FPS + frame for frame in (11, 12, 13, 14)]
    assert stage.coded_keyframes == before + 1
    assert await taken(other) == [2 * FPS + frame for frame in range(15)]
    assert await taken(third) == [2 * FPS + frame for frame in range(15)]


async def test_what_nobody_else_gets_is_not_coded_in_a_pause() -> None:
    stage = Stage()
    own = seat()
    stage.broadcast.take_seat(own)
    stage.play(5)
    receiver(stage, own).change_rung(3, pause_ms=260)
    stage.play(3)
    assert stage.broadcast.coder.wanted == {Rendition(VideoCodec.H264)}
    stage.play(3)
    assert await taken(own) == [0, 1, 2, 3, 4, 9, 10]
    assert stage.broadcast.coder.wanted == {Rendition(VideoCodec.H264, rung=3)}


async def test_who_falls_back_before_it_rose_has_no_pause() -> None:
    stage = Stage()
    own = seat()
    own.rendition = Rendition(VideoCodec.H264, rung=2)
    stage.broadcast.take_seat(own)
    stage.play(5)
    receiver(stage, own).change_rung(1)
    receiver(stage, own).change_rung(2, pause_ms=500)
    stage.play(5)
    assert await taken(own) == list(range(10))


async def test_who_changes_its_mind_stays_where_it_is() -> None:
    stage = Stage()
    own = seat()
    stage.broadcast.take_seat(own)
    stage.play(5)
    receiver(stage, own).change_rung(1)
    receiver(stage, own).change_rung(0)
    stage.play(5)
    assert await taken(own) == list(range(10))
    assert own.renditions == {Rendition(VideoCodec.H264)}


async def test_who_lost_a_picture_gets_a_key_frame_but_not_more_than_one_a_second() -> None:
    stage = Stage()
    own = seat()
    stage.broadcast.take_seat(own)
    stage.play(30)
    keys = stage.keyframes(VideoCodec.H264)
    for _ in range(2 * FPS):
        receiver(stage, own).request_keyframe()
        stage.play(1)
        await taken(own)
    assert stage.keyframes(VideoCodec.H264) == keys + 2


async def test_who_waits_for_a_lower_bitrate_makes_nobody_pay_for_a_key_frame() -> None:
    stage = Stage()
    falling, other = seat(), seat()
    for own in (falling, other):
        stage.broadcast.take_seat(own)
    for _ in range(2):
        stage.play(FPS)
        await taken(other)
    keys = stage.keyframes(VideoCodec.H264)
    receiver(stage, falling).change_rung(2, pause_ms=500)
    receiver(stage, falling).request_keyframe()
    stage.play(15)
    assert stage.keyframes(VideoCodec.H264) == keys


async def test_who_never_reads_holds_a_bounded_queue_and_disturbs_nobody() -> None:
    stage = Stage()
    stuck, other = seat(), seat()
    stage.broadcast.take_seat(stuck)
    stage.broadcast.take_seat(other)
    seen: list[int] = []
    held: list[int] = []
    for _ in range(20 * FPS):
        stage.play(1)
        seen += await taken(other)
        held.append(stuck.picture_track.queued_packets)
    assert seen == list(range(20 * FPS))
    assert max(held) == held[-1] <= MAX_CATCH_UP_FRAMES + 200 // FRAME_MS
    assert stuck.voice_track is not None
    assert stuck.voice_track.queued_packets <= 10
    assert stage.keyframes(VideoCodec.H264) <= 20
    dropped = stage.metrics.registry.get_sample_value("likeness_dropped_packets_total")
    assert dropped is not None
    assert dropped > 0


async def test_who_was_stuck_goes_on_with_a_key_frame() -> None:
    stage = Stage()
    own = seat()
    stage.broadcast.take_seat(own)
    stage.play(3 * FPS)
    await taken(own)
    stage.play(FPS)
    pictures = await taken(own)
    assert stage.sent[pictures[0]][VideoCodec.H264].is_keyframe
    assert np.all(np.diff(pictures) == 1)


async def test_each_codec_is_coded_while_it_is_watched_and_begins_anew() -> None:
    stage = Stage()
    first, second = seat(VideoCodec.H264), seat(VideoCodec.VP8)
    stage.play(2)
    assert stage.sent == [{}, {}]
    stage.broadcast.take_seat(first)
    stage.play(2)
    stage.broadcast.take_seat(second)
    stage.play(2)
    stage.broadcast.leave_seat(second)
    stage.play(2)
    assert [set(sent) for sent in stage.sent[2:]] == (
        [{VideoCodec.H264}] * 2 + [{VideoCodec.H264, VideoCodec.VP8}] * 2 + [{VideoCodec.H264}] * 2
    )
    again = seat(VideoCodec.VP8)
    stage.broadcast.take_seat(again)
    stage.play(1)
    assert await taken(again) == [8]
    assert stage.sent[8][VideoCodec.VP8].is_keyframe
    assert await taken(first) == list(range(2, 9))


async def test_who_wants_sound_only_gets_no_picture() -> None:
    stage = Stage()
    own = Seat(None, picture_track(), voice_track())
    stage.broadcast.take_seat(own)
    stage.play(5)
    assert stage.sent == [{}] * 5
    assert own.picture_track.queued_packets == 0
    assert own.voice_track is not None
    assert own.voice_track.queued_packets == 5
