"""A live avatar through the real server: published to, watched; only the model is a fake."""

import asyncio
import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from server.broadcast import BroadcastCoder, Rendition
from server.config import CallConfig, PerformanceConfig
from server.sdp import VideoCodec
from tests.server.caller import Broadcaster, Watcher
from tests.server.conftest import CONFIG, Serve, with_calls
from tests.server.fakes import SIZE_PX
from tests.server.test_call import is_bright
from tests.server.test_calls import problem


async def test_who_watches_sees_and_hears_who_publishes(serve: Serve) -> None:
    async with (
        serve() as running,
        Broadcaster(running.http, "first") as publisher,
        Watcher(running.http, "first") as one,
        Watcher(running.http, "first") as other,
    ):
        other.video_codec = "VP8"
        await publisher.connect()
        for watcher in (one, other):
            await watcher.connect()
            await watcher.until_sound(lambda rms: rms > 5000)
            await watcher.until_pictures(is_bright)
        publisher.speaker.loud = False
        for watcher in (one, other):
            await watcher.until_sound(lambda rms: rms < 100)
            await watcher.until_pictures(lambda colour: not is_bright(colour))
        live = (await running.http.get("/v1/avatars/first/live")).json()
        assert live["viewers"] == 2
        assert "publisher" in live["source"]
        assert running.server.admission.sessions == 1


async def test_one_codec_is_coded_once_for_all_viewers(serve: Serve) -> None:
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        (performance,) = [await running.server.performances.get("first")]
        coder = performance.broadcast.coder
        assert coder.wanted == frozenset()
        async with Watcher(running.http, "first") as one, Watcher(running.http, "first") as two:
            await one.connect()
            await two.connect()
            await one.until(lambda: len(one.pictures) > 3)
            await two.until(lambda: len(two.pictures) > 3)
            assert performance.broadcast.viewers == 2
            assert len(coder.wanted) == 1
            await running.http.delete(one.location)
            await running.http.delete(two.location)
        assert coder.wanted == frozenset()


async def test_who_asks_for_alpha_gets_it_below_the_picture(serve: Serve) -> None:
    async with (
        serve() as running,
        Watcher(running.http, "first") as whole,
        Watcher(running.http, "first") as one,
        Watcher(running.http, "first") as other,
    ):
        await running.http.put("/v1/avatars/first/live")
        performance = await running.server.performances.get("first")
        await whole.connect()
        await whole.until(lambda: len(whole.pictures) > 3)
        assert running.avatar.cut_outs == 0, "it costs nothing until somebody asks"
        # The fake's picture has no red; a quarter of the lower half is the person.
        assert whole.pictures[-1][0] == pytest.approx(0, abs=4)
        await one.connect(alpha="packed")
        other.video_codec = "VP8"
        await other.connect(alpha="packed")
        for watcher in (one, other):
            await watcher.until_pictures(lambda colour: abs(colour[0] - 255 / 8) < 4)
        wanted = performance.broadcast.coder.wanted
        assert sorted((own.codec.value, own.packed) for own in wanted) == [
            ("H264", False),
            ("H264", True),
            ("VP8", True),
        ]


def test_one_cutout_is_made_of_each_picture() -> None:
    coder = BroadcastCoder(CONFIG.video, CONFIG.trust)
    coder.wanted = frozenset(Rendition(codec, packed=True) for codec in VideoCodec)
    made = []

    def cut_out() -> NDArray[np.uint8]:
        made.append(1)
        return np.zeros((SIZE_PX, SIZE_PX, 4), np.uint8)

    frame = coder.encode(np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8), cut_out, 0)
    assert frame.coded.keys() == coder.wanted
    assert len(made) == 1


async def test_another_alpha_is_refused(serve: Serve) -> None:
    async with serve() as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        response = await watcher.post(alpha="straight")
        assert "'packed'" in problem(response, 422, "invalid-request")


@pytest.mark.parametrize(("configured_s", "waited_s"), [(10, 10), (60, 30), (600, 30)])
async def test_a_publisher_is_not_waited_for_longer_than_consent_lasts(
    serve: Serve, configured_s: float, waited_s: float
) -> None:
    config = with_calls(CallConfig(max_sessions=1, no_microphone_timeout_s=configured_s))
    async with serve(config) as running, Broadcaster(running.http, "first") as publisher:
        location = (await publisher.post()).headers["Location"]
        own = running.server.publishers.get(location.rpartition("/")[2])
        assert own._no_sound_timeout_s == waited_s


async def test_nobody_is_live_at_first(serve: Serve) -> None:
    async with serve() as running, Watcher(running.http, "first") as watcher:
        response = await watcher.post()
        assert "not live" in problem(response, 409, "not-live")
        assert int(response.headers["Retry-After"]) > 0
        problem(await running.http.get("/v1/avatars/nobody/live"), 404, "unknown-avatar")


async def test_a_second_publisher_is_refused_and_the_first_goes_on(serve: Serve) -> None:
    async with (
        serve() as running,
        Broadcaster(running.http, "first") as first,
        Broadcaster(running.http, "first") as second,
        Watcher(running.http, "first") as watcher,
    ):
        await first.connect()
        assert "end that first" in problem(await second.post(), 409, "voice-taken")
        await watcher.connect()
        await watcher.until_sound(lambda rms: rms > 5000)
        await running.http.delete(first.location)
        async with Broadcaster(running.http, "first") as third:
            await third.connect()
            await watcher.until_sound(lambda rms: rms > 5000)


@pytest.mark.parametrize("ignored", [True, False])
async def test_video_of_a_publisher_is_ignored_or_refused(serve: Serve, ignored: bool) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(ignore_video=ignored))
    async with serve(config) as running, Broadcaster(running.http, "first") as publisher:
        publisher.films = True
        response = await publisher.post()
        if ignored:
            assert response.status_code == 201
            assert "a=inactive" in response.text
        else:
            assert "only sound" in problem(response, 422, "video-offered")
            assert running.server.admission.sessions == 0


async def test_viewers_beyond_the_limit_are_asked_to_come_back(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(max_viewers=1))
    async with (
        serve(config) as running,
        Watcher(running.http, "first") as one,
        Watcher(running.http, "first") as two,
    ):
        await running.http.put("/v1/avatars/first/live")
        await one.connect()
        await one.until(lambda: len(one.pictures) > 0)
        response = await two.post()
        problem(response, 503, "too-many-viewers")
        assert "Retry-After" in response.headers


async def test_a_performance_takes_a_place_and_gives_it_back(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, call=CallConfig(max_sessions=1))
    async with serve(config) as running, Watcher(running.http, "first") as watcher:
        assert (await running.http.put("/v1/avatars/first/live")).status_code == 200
        assert (await running.http.put("/v1/avatars/first/live")).status_code == 200
        problem(await running.http.put("/v1/avatars/second/live"), 503, "server-full")
        await watcher.connect()
        await watcher.until(lambda: len(watcher.pictures) > 0)
        assert (await running.http.delete("/v1/avatars/first/live")).status_code == 204
        assert running.server.admission.sessions == 0
        await watcher.until_state("closed")
        problem(await running.http.delete("/v1/avatars/first/live"), 409, "not-live")


async def test_a_performance_that_nobody_uses_ends(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(linger_s=1))
    async with serve(config) as running:
        await running.http.put("/v1/avatars/first/live")
        async with asyncio.timeout(10):
            await running.server.performances.ended("first")
        assert running.server.admission.sessions == 0


@pytest.mark.parametrize(
    "codec",
    [
        "H264/90000\r\na=fmtp:98 packetization-mode=1;profile-level-id=640028",
        "H265/90000",
        "AV1/90000",
    ],
)
async def test_the_codec_of_ignored_video_is_of_no_matter(serve: Serve, codec: str) -> None:
    async with serve() as running, Broadcaster(running.http, "first") as publisher:
        publisher.films = True
        head, _, video = (await publisher.offer()).partition("m=video")
        first, *rest = video.splitlines()
        own = [line for line in rest if not line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb"))]
        lines = [" ".join(first.split()[:2]) + " 98", *own, f"a=rtpmap:98 {codec}"]
        headers = {"Content-Type": "application/sdp"}
        offer = head + "m=video " + "\r\n".join(lines) + "\r\n"
        response = await running.http.post("/whip/first", content=offer, headers=headers)
        assert response.status_code == 201, response.text
        answered = response.text.partition("m=video")[2]
        assert f"a=rtpmap:98 {codec}" in answered
        assert "VP8" not in answered
        assert "a=inactive" in answered
