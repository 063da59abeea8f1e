"""The hops of a call: what each asks the model for, how it fails and how it is withdrawn."""

import asyncio
from typing import cast

import av
import pytest

from model.identity.identity import Identity
from server.inference import InferenceError
from server.media_file import is_keyframe
from server.sdp import VideoCodec
from tests.server.fakes import SIZE_PX, FakeIdentity
from tests.server.media_world import World, new_world


@pytest.fixture
async def world() -> World:
    return new_world()


async def test_a_hop_is_told_which_rows_to_draw(world: World) -> None:
    await world.run(0.5)
    first, second = world.inference.jobs[:2]
    assert (first.frames, first.rows) == ((), ())
    assert (second.frames, second.rows) == ((0, 1), (0, 1))
    assert second.request.samples.shape == (1280,)
    assert second.deadline_s == pytest.approx(0.24 + 0.0, abs=0.03)


async def test_a_hop_asks_for_all_of_quality_until_that_takes_too_long(world: World) -> None:
    await world.run(1)
    full = [(job.request.num_steps, job.painted) for job in world.inference.jobs]
    world.compute_s = 0.3
    await world.run(8)
    asked = [(job.request.num_steps, job.painted) for job in world.inference.jobs]
    assert set(full) == {(4, True)}
    assert list(dict.fromkeys(asked)) == [(4, True), (3, True), (2, True), (1, True), (1, False)]


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


async def test_a_hush_closes_the_mouth_of_the_hop_that_is_drawn_next(world: World) -> None:
    await world.run(1)
    before = world.inference.jobs[-1]
    assert before.mouth_gain(before.frames[-1] + 1) == 1.0
    world.media.stream.hush()
    handed_in = len(world.inference.jobs)
    await world.run(0.2, lost=lambda _: True)
    after = world.inference.jobs[handed_in]
    assert after.mouth_gain(after.frames[0]) < 0.5


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


async def test_cancelled_playing_withdraws_its_hop(world: World) -> None:
    for _ in range(6):
        world.hear()
    world.clock[0] = 0.2
    playing = asyncio.create_task(world.media.play())
    await world.inference.submitted.wait()
    playing.cancel()
    await asyncio.wait([playing])
    assert playing.cancelled()
    assert world.inference.futures[-1].cancelled()
