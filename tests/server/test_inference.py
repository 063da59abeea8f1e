import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from model.avatar import AvatarState, Controls, HopRequest
from model.identity.identity import Identity
from model.rates import SAMPLES_PER_FRAME
from server.config import VideoConfig
from server.encoders import EncodedFrame, PictureEncoder
from server.inference import HopJob, InferenceError, InferenceStopped, InferenceThread
from server.outlet import CallCoder, CutOut
from server.sdp import VideoCodec
from tests.server.fakes import SIZE_PX, FakeAvatar, FakeIdentity, FakeState


@pytest.fixture
def avatar() -> FakeAvatar:
    return FakeAvatar()


@pytest.fixture
async def inference(avatar: FakeAvatar) -> AsyncIterator[InferenceThread]:
    thread = InferenceThread(avatar, max_batch=3)
    await thread.start(avatar.warm_up)
    yield thread
    avatar.gate.set()
    await thread.aclose()


def ignore(_: EncodedFrame) -> None:
    """Take a picture that the test does not look at."""


def job(
    deadline_s: float = 0.0,
    frames: tuple[int, ...] = (0, 1),
    samples: int = 2 * SAMPLES_PER_FRAME,
    on_frame: Callable[[EncodedFrame], None] = ignore,
    mouth_gain: Callable[[int], float] = lambda _: 1.0,
) -> HopJob[EncodedFrame]:
    heard: NDArray[np.float32] = np.zeros(samples, np.float32)
    return HopJob(
        request=HopRequest(cast(AvatarState, FakeState(0)), heard, Controls(), 4),
        identity=cast(Identity, FakeIdentity(0)),
        rows=tuple(range(len(frames))),
        frames=frames,
        painted=True,
        coder=CallCoder(PictureEncoder(VideoCodec.VP8, VideoConfig(size_px=SIZE_PX))),
        deadline_s=deadline_s,
        mouth_gain=mouth_gain,
        on_frame=on_frame,
    )


async def test_pictures_of_a_hop(inference: InferenceThread, avatar: FakeAvatar) -> None:
    assert avatar.warmed_up
    pictures: list[EncodedFrame] = []
    result = await inference.submit(job(frames=(6, 7), on_frame=pictures.append))
    assert [frame.index for frame in pictures] == [6, 7]
    assert [frame.is_keyframe for frame in pictures] == [True, False]
    assert result.batch_hops == 1
    assert min(result.motion_s, result.render_s, result.encode_s) > 0


async def test_the_mouth_s_gain_is_asked_for_when_a_frame_is_drawn(
    inference: InferenceThread, avatar: FakeAvatar
) -> None:
    asked: list[tuple[int, bool]] = []

    def gain(frame: int) -> float:
        asked.append((frame, avatar.busy.is_set()))
        return 0.0

    await inference.submit(job(frames=(6, 7), mouth_gain=gain))
    assert asked == [(6, True), (7, True)]


class Easel:
    """Keeps pictures as they were drawn, instead of coding them."""

    def __init__(self) -> None:
        self.drawn: list[NDArray[np.uint8]] = []

    def encode(self, rgb: NDArray[np.uint8], cut_out: CutOut, index: int) -> EncodedFrame:
        self.drawn.append(rgb)
        return EncodedFrame(index, b"", is_keyframe=True)


@pytest.mark.parametrize("painted", [True, False])
async def test_a_hop_is_drawn_with_the_paint_and_the_gains_it_asks_for(
    inference: InferenceThread, painted: bool
) -> None:
    easel, loud = Easel(), cast(AvatarState, FakeState(0, waiting=[0.25, 0.25]))
    wanted = dataclasses.replace(
        job(mouth_gain=lambda frame: (1.0, 0.5)[frame]), painted=painted, coder=easel
    )
    request = dataclasses.replace(wanted.request, state=loud)
    await inference.submit(dataclasses.replace(wanted, request=request))
    assert [picture[1, 1, 1] for picture in easel.drawn] == [140, 90]
    assert [picture[0, 0, 0] == 255 for picture in easel.drawn] == [painted] * 2


async def test_left_out_frames_are_animated_but_not_drawn(inference: InferenceThread) -> None:
    pictures: list[EncodedFrame] = []
    await inference.submit(job(frames=(), on_frame=pictures.append))
    assert not pictures
    await inference.submit(job(frames=(8,), on_frame=pictures.append))
    assert [frame.index for frame in pictures] == [8]


async def test_what_waits_is_animated_together_the_most_urgent_first(
    inference: InferenceThread, avatar: FakeAvatar
) -> None:
    avatar.gate.clear()
    done: list[float] = []

    def note(deadline_s: float, _: object) -> None:
        done.append(deadline_s)

    first = inference.submit(job())
    await asyncio.to_thread(avatar.busy.wait)  # the first is being computed, alone
    waiting = []
    for deadline_s in (5.0, 2.0, 9.0, 1.0):
        future = inference.submit(job(deadline_s))
        future.add_done_callback(partial(note, deadline_s))
        waiting.append(future)
    avatar.gate.set()
    await asyncio.gather(first, *waiting)
    assert avatar.batches == [1, 3, 1]
    assert done == [1.0, 2.0, 5.0, 9.0]


async def test_a_withdrawn_job_is_not_computed(
    inference: InferenceThread, avatar: FakeAvatar
) -> None:
    avatar.gate.clear()
    first = inference.submit(job())
    await asyncio.to_thread(avatar.busy.wait)
    withdrawn, kept = inference.submit(job(1.0)), inference.submit(job(2.0))
    withdrawn.cancel()
    avatar.gate.set()
    await asyncio.gather(first, kept)
    assert avatar.batches == [1, 1]


async def test_a_failed_computation_fails_its_batch_and_the_thread_goes_on(
    inference: InferenceThread, avatar: FakeAvatar
) -> None:
    avatar.failure = RuntimeError("out of memory")
    with pytest.raises(InferenceError, match="computing motion failed: out of memory"):
        await inference.submit(job())
    avatar.failure = None
    assert (await inference.submit(job())).batch_hops == 1
    (metric,) = inference.failed_batches.collect()
    counted = {sample.name: sample.value for sample in metric.samples}
    assert counted["likeness_failed_batches_total"] == 1


async def test_a_bad_request_is_refused_before_it_spoils_a_batch(
    inference: InferenceThread, avatar: FakeAvatar
) -> None:
    avatar.gate.clear()
    good = [inference.submit(job())]
    await asyncio.to_thread(avatar.busy.wait)
    good.append(inference.submit(job()))
    with pytest.raises(InferenceError, match=r"found samples \(100,\), expected \(1280,\)"):
        inference.submit(job(samples=100))
    fine = job()
    silence = fine.request.samples
    for wrong, says in (
        ({"samples": np.full_like(silence, np.nan)}, "no numbers"),
        ({"num_steps": 0}, "expected 1 to 4"),
        ({"num_steps": 5}, "expected 1 to 4"),
    ):
        request = dataclasses.replace(fine.request, **wrong)
        with pytest.raises(InferenceError, match=says):
            inference.submit(dataclasses.replace(fine, request=request))
    avatar.gate.set()
    await asyncio.gather(*good)
    assert avatar.batches == [1, 1]


async def test_a_failed_picture_fails_only_its_session(
    inference: InferenceThread, avatar: FakeAvatar
) -> None:
    avatar.gate.clear()
    first = inference.submit(job())
    await asyncio.to_thread(avatar.busy.wait)
    larger = CallCoder(PictureEncoder(VideoCodec.VP8, VideoConfig(size_px=1024)))
    broken = dataclasses.replace(job(), coder=larger)
    outcomes = asyncio.gather(
        inference.submit(broken), inference.submit(job()), return_exceptions=True
    )
    avatar.gate.set()
    failed, fine = await outcomes
    await first
    assert isinstance(failed, InferenceError)
    assert "expected (1024, 1024, 3) or (512, 512, 3)" in str(failed)
    assert not isinstance(fine, BaseException)


async def test_a_bug_ends_the_thread_and_is_not_silent(
    avatar: FakeAvatar, caplog: pytest.LogCaptureFixture
) -> None:
    inference = InferenceThread(avatar)
    await inference.start(avatar.warm_up)
    avatar.failure = KeyError("a bug")
    with pytest.raises(InferenceStopped):
        await inference.submit(job())
    with pytest.raises(InferenceStopped):
        inference.submit(job())
    await inference.aclose()
    assert inference.has_died
    assert "the inference thread has died" in caplog.text


async def test_closing_fails_what_waits(avatar: FakeAvatar) -> None:
    inference = InferenceThread(avatar)
    await inference.start(avatar.warm_up)
    avatar.gate.clear()
    computing = inference.submit(job())
    await asyncio.to_thread(avatar.busy.wait)
    waiting = inference.submit(job())
    closing = asyncio.create_task(inference.aclose())
    await asyncio.sleep(0)
    avatar.gate.set()
    await closing
    assert (await computing).batch_hops == 1
    with pytest.raises(InferenceStopped):
        await waiting
    assert not inference.is_alive
    assert not inference.has_died


async def test_what_fails_to_prepare_is_told(avatar: FakeAvatar) -> None:
    inference = InferenceThread(avatar)

    def prepare() -> None:
        raise OSError("no such device")

    with pytest.raises(OSError, match="no such device"):
        await inference.start(prepare)
    assert not inference.is_alive
    await inference.aclose()
