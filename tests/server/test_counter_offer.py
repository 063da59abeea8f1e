"""Who offers none of our codecs is offered what we have (draft-ietf-wish-whep)."""

import email.utils
from datetime import UTC, datetime

import httpx
import pytest
from aiortc import RTCSessionDescription

from server.config import CallConfig
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Running, Serve, with_calls
from tests.server.test_calls import SDP, problem
from tests.server.test_sdp import AUDIO, HEAD, VIDEO
from tests.server.test_whip import sections, streams

STRANGE_VIDEO = VIDEO.replace("VP8", "AV1").replace("H264", "H265")
STRANGE_OFFER = (
    HEAD.replace("BUNDLE 0 1 2", "BUNDLE 0 1")
    + AUDIO.replace("sendrecv", "recvonly")
    + STRANGE_VIDEO
)


async def countered(running: Running, watcher: Watcher) -> httpx.Response:
    """Offer what nothing can be sent to; return our own offer."""
    response = await running.http.post(watcher.path, content=STRANGE_OFFER, headers=SDP)
    assert response.status_code == 406
    return response


async def test_an_offer_without_a_codec_of_ours_is_countered(serve: Serve) -> None:
    async with serve() as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        response = await countered(running, watcher)
        media_type, _, valid_until = response.headers["Content-Type"].partition("; valid-until=")
        assert media_type == "application/sdp"
        until = email.utils.parsedate_to_datetime(valid_until.strip('"'))
        assert 0 < (until - datetime.now(UTC)).total_seconds() <= CONFIG.call.connect_timeout_s
        assert response.headers["Location"].startswith("/whep/first/")
        found = sections(response.text)
        assert [section.split()[0] for section in found] == ["m=audio", "m=video"]
        for section in found:
            assert "a=sendonly" in section
            assert "a=rtcp-mux-only" in section
            assert "a=setup:actpass" in section
        assert "H264/90000" in found[1]
        assert "VP8/90000" in found[1]
        assert streams(response.text) == 1


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_the_answer_to_our_offer_is_taken_with_204_and_media_flows(
    serve: Serve, codec: str
) -> None:
    async with serve() as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        response = await countered(running, watcher)
        url = response.headers["Location"]
        watcher.video_codec = codec
        watcher.prepare()
        await watcher.peer.setRemoteDescription(RTCSessionDescription(response.text, "offer"))
        await watcher.peer.setLocalDescription(await watcher.peer.createAnswer())
        answer = watcher.peer.localDescription.sdp
        patched = await running.http.patch(url, content=answer, headers=SDP)
        assert (patched.status_code, patched.content) == (204, b"")
        await watcher.ready()
        await watcher.until(lambda: len(watcher.pictures) > 3 and len(watcher.sounds) > 3)
        performance = await running.server.performances.get("first")
        assert {wanted.codec.value for wanted in performance.broadcast.coder.wanted} == {codec}
        again = await running.http.patch(url, content=answer, headers=SDP)
        problem(again, 409, "no-answer-expected")
        assert (await running.http.delete(url)).status_code == 200


async def test_what_is_no_answer_to_our_offer_is_refused(serve: Serve) -> None:
    async with serve() as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        url = (await countered(running, watcher)).headers["Location"]
        for content, status in (
            ("hello", 400),
            (STRANGE_OFFER, 422),
            (STRANGE_OFFER.replace("m=video 9", "m=video 0"), 422),
            (HEAD + AUDIO.replace("sendrecv", "recvonly"), 422),
            (HEAD + AUDIO.replace("sendrecv", "recvonly").replace("mid:0", "mid:9") + VIDEO, 422),
        ):
            response = await running.http.patch(url, content=content, headers=SDP)
            assert response.status_code == status, response.text
        assert (await running.http.get(url)).status_code == 204


async def test_our_offer_expires(serve: Serve) -> None:
    config = with_calls(CallConfig(max_sessions=2, connect_timeout_s=1))
    async with serve(config) as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        url = (await countered(running, watcher)).headers["Location"]
        await running.until_ended("viewer")
        response = await running.http.patch(url, content=STRANGE_OFFER, headers=SDP)
        problem(response, 404, "unknown-viewer")
