"""What leaves a call and when, and what its microphone is heard as."""

from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from model.rates import FRAME_MS
from tests.server.media_world import PACKET_S, STREAM, World, new_world


@pytest.fixture
async def world() -> World:
    return new_world()


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
