"""Bundled media sections: their transport, and which are rejected (RFC 9143, RFC 9429)."""

import dataclasses

import pytest

from server import bundle
from server.config import PerformanceConfig
from tests.server.caller import Broadcaster, Caller, Watcher
from tests.server.conftest import CONFIG, Serve
from tests.server.max_bundle import RFC_9725, WITH_TRANSPORT, bundle_only, to_receive
from tests.server.test_call import is_bright
from tests.server.test_calls import FRAGMENT, SDP, problem
from tests.server.test_ice_restart import agent, restart
from tests.server.test_sdp import AUDIO, HEAD, TRANSPORT, VIDEO
from tests.server.test_whip import HOST, sections

BUNDLED = HEAD.replace("BUNDLE 0 1 2", "BUNDLE 0 1")
HEARD = AUDIO.replace("sendrecv", "recvonly")
SPOKEN = AUDIO.replace("sendrecv", "sendonly")
REJECTED = VIDEO.replace("m=video 9", "m=video 0")
HIDDEN = VIDEO.replace("m=video 9", "m=video 0").replace(TRANSPORT, "a=bundle-only\r\n")
CANDIDATE = "a=candidate:1 1 udp 2122260223 127.0.0.1 40001 typ host\r\na=end-of-candidates\r\n"


class VideoFirst(Broadcaster):
    """Its video has the transport of both."""

    def prepare(self) -> None:
        self.peer.addTransceiver("video", "sendonly")
        self.peer.addTransceiver(self.speaker, "sendonly")


class TricklingVideoFirst(VideoFirst):
    """It offers before it knows any of its addresses."""

    async def offer(self) -> str:
        lines = (await super().offer()).splitlines(keepends=True)
        return "".join(x for x in lines if not x.startswith(("a=candidate", "a=end-of")))


class BundleOnlyBroadcaster(Broadcaster):
    async def offer(self) -> str:
        self.films = True
        return bundle_only(await super().offer())


class BundleOnlyVideoFirst(VideoFirst):
    async def offer(self) -> str:
        return bundle_only(await super().offer())


class BundleOnlyWatcher(Watcher):
    async def offer(self) -> str:
        return bundle_only(await super().offer())


class BundleOnlyCaller(Caller):
    async def offer(self) -> str:
        return bundle_only(await super().offer())


def transport_of(section: str) -> list[str]:
    starts = ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "a=candidate", "a=end-of")
    return [line for line in section.split("\r\n") if line.startswith((*starts, "a=rtcp-mux"))]


def test_a_bundle_only_section_has_the_transport_of_the_tagged_one() -> None:
    audio, video = sections(bundle.spread(BUNDLED + AUDIO + CANDIDATE + HIDDEN))
    assert video.startswith("m=video 9 ")
    assert transport_of(video) == transport_of(audio)
    assert len(transport_of(video)) == 7
    assert "a=rtpmap:96 VP8/90000" in video


def test_a_transport_of_its_own_gives_way_to_the_tagged_one() -> None:
    """They are one transport: what the client has bundled, it does not listen at."""
    other = TRANSPORT.replace("abcd", "efgh").replace("AA:BB", "CC:DD")
    for line in ("", "a=bundle-only\r\n"):
        video = VIDEO.replace("m=video 9", "m=video 0" if line else "m=video 5")
        video = video.replace(TRANSPORT, line + other)
        found, spread = sections(bundle.spread(BUNDLED + AUDIO + video))
        assert transport_of(spread) == transport_of(found)
        assert spread.startswith("m=video 9 " if line else "m=video 5 ")


def test_the_tagged_section_is_the_first_of_the_group_that_can_be() -> None:
    head = HEAD.replace("BUNDLE 0 1 2", "BUNDLE 8 2 1 0")
    text = b"text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:2\r\n".decode()
    spread = bundle.spread(head + AUDIO.replace("abcd", "efgh") + VIDEO + "m=" + text)
    assert bundle.tagged_mid(head + AUDIO + VIDEO + "m=" + text) == "1"
    assert spread.count("a=ice-ufrag:abcd") == 3
    assert "efgh" not in spread


@pytest.mark.parametrize("head", [HEAD.replace("a=group:BUNDLE 0 1 2\r\n", ""), BUNDLED])
def test_what_is_in_no_group_is_left_alone(head: str) -> None:
    data = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:7\r\na=bundle-only\r\n"
    whole = head + AUDIO + data
    assert bundle.spread(whole) == whole
    assert bundle.tagged_mid(whole) == ("0" if "BUNDLE" in head else None)
    assert bundle.without_rejected(whole) == head + AUDIO


def test_what_is_rejected_keeps_port_0_and_is_not_shown_to_aiortc() -> None:
    whole = BUNDLED + AUDIO + REJECTED
    assert bundle.spread(whole) == whole
    assert bundle.without_rejected(whole) == BUNDLED + AUDIO


def test_each_group_has_a_transport_of_its_own() -> None:
    head = BUNDLED.replace("BUNDLE 0 1", "BUNDLE 0\r\na=group:BUNDLE 1 2")
    data = "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=bundle-only\r\n"
    spread = bundle.spread(head + AUDIO.replace("abcd", "efgh") + VIDEO + data)
    found = [section.split("a=ice-ufrag:")[1][:4] for section in sections(spread)]
    assert found == ["efgh", "abcd", "abcd"]


def test_rejections_stand_where_their_offers_did() -> None:
    text = "m=text 9 RTP/SAVPF 98 99\r\na=mid:t\r\na=rtpmap:98 t140/1000\r\n"
    offer = BUNDLED + REJECTED + AUDIO + text
    answer = BUNDLED + HEARD
    assert bundle.with_rejected(answer, offer) == (
        BUNDLED
        + "m=video 0 UDP/TLS/RTP/SAVPF 96 102\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"
        + HEARD
        + "m=text 0 RTP/SAVPF 98 99\r\nc=IN IP4 0.0.0.0\r\na=mid:t\r\na=inactive\r\n"
    )
    assert bundle.with_rejected(answer, BUNDLED + AUDIO) == answer


def test_the_first_section_of_a_kind_can_lead_its_group() -> None:
    whole = HEAD + VIDEO + AUDIO
    assert "a=group:BUNDLE 0 1 2\r\n" in bundle.led_by(whole, "audio")
    assert "a=group:BUNDLE 1 0 2\r\n" in bundle.led_by(whole, "video")
    assert bundle.led_by(whole, "application") == whole


@pytest.mark.parametrize("offer", [RFC_9725, *WITH_TRANSPORT.values()])
async def test_whip_offers_with_max_bundle_are_answered(serve: Serve, offer: str) -> None:
    async with serve() as running:
        response = await running.http.post("/whip/first", content=offer, headers=SDP)
        assert response.status_code == 201, response.text
        audio, video = sections(response.text)
        assert "a=recvonly" in audio
        assert "a=inactive" in video
        # Accepted, in the codec that was offered: only what is rejected has port 0.
        assert int(video.split()[1]) > 0
        assert offer[offer.rindex("a=rtpmap:96") :].split("\r\n")[0] in video
        assert "a=group:BUNDLE 0 1\r\n" in response.text


@pytest.mark.parametrize("offer", [RFC_9725, *WITH_TRANSPORT.values()])
async def test_bundle_only_video_is_video(serve: Serve, offer: str) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(ignore_video=False))
    async with serve(config) as running:
        response = await running.http.post("/whip/first", content=offer, headers=SDP)
        problem(response, 422, "video-offered")
        rejected = offer.replace("a=bundle-only\r\n", "")
        response = await running.http.post("/whip/first", content=rejected, headers=SDP)
        assert response.status_code == 201, response.text


@pytest.mark.parametrize(("codec", "status"), [("VP8", 201), ("H264", 406), ("AV1", 406)])
async def test_whep_offers_with_max_bundle_are_answered(
    serve: Serve, codec: str, status: int
) -> None:
    offer = RFC_9725 if codec == "VP8" else WITH_TRANSPORT[codec]
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        response = await running.http.post("/whep/first", content=to_receive(offer), headers=SDP)
        assert response.status_code == status, response.text
        _, video = sections(response.text)
        assert "a=sendonly" in video
        assert int(video.split()[1]) > 0


@pytest.mark.parametrize("path", ["/whip/first", "/whep/first"])
async def test_what_is_rejected_is_answered_with_port_0(serve: Serve, path: str) -> None:
    """RFC 3264 section 6: such an offer has no picture, so there is none to send."""
    offer = BUNDLED + (SPOKEN if path.startswith("/whip") else HEARD) + REJECTED
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        response = await running.http.post(path, content=offer, headers=SDP)
        assert response.status_code == 201, response.text
        audio, video = sections(response.text)
        assert int(audio.split()[1]) > 0
        assert video == (
            "m=video 0 UDP/TLS/RTP/SAVPF 96 102\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"
        )
        assert "a=group:BUNDLE 0\r\n" in response.text


@pytest.mark.parametrize(
    ("path", "media"),
    [("/whip", SPOKEN + VIDEO), ("/whep", HEARD + VIDEO), ("/v1/calls", AUDIO + VIDEO)],
)
@pytest.mark.parametrize("group", ["", "a=group:BUNDLE 0\r\n", "a=group:LS 0 1\r\n"])
async def test_what_is_not_bundled_is_refused(
    serve: Serve, path: str, media: str, group: str
) -> None:
    """GStreamer's webrtcbin does not unless it is told to: half of it would never connect."""
    offer = BUNDLED.replace("a=group:BUNDLE 0 1\r\n", group) + media
    endpoint = path if path == "/v1/calls" else f"{path}/first"
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        response = await running.http.post(endpoint, content=offer, headers=SDP)
        detail = problem(response, 422, "unusable-offer")
        assert "set the bundle policy to max-bundle" in detail


@pytest.mark.parametrize("rest", ["", REJECTED])
async def test_what_is_alone_need_not_be_bundled(serve: Serve, rest: str) -> None:
    offer = BUNDLED.replace("a=group:BUNDLE 0 1\r\n", "") + SPOKEN + rest
    async with serve() as running:
        response = await running.http.post("/whip/first", content=offer, headers=SDP)
        assert response.status_code == 201, response.text


async def test_a_kind_of_media_that_we_do_not_know_is_rejected(serve: Serve) -> None:
    text = "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:1\r\na=rtpmap:98 t140/1000\r\n" + TRANSPORT
    async with serve() as running:
        content = BUNDLED + SPOKEN + text
        response = await running.http.post("/whip/first", content=content, headers=SDP)
        assert response.status_code == 201, response.text
        assert "m=text 0 UDP/TLS/RTP/SAVPF 98\r\n" in response.text


@pytest.mark.parametrize("kind", [BundleOnlyBroadcaster, VideoFirst, BundleOnlyVideoFirst])
async def test_what_is_bundled_is_heard_whichever_section_leads(
    serve: Serve, kind: type[Broadcaster]
) -> None:
    async with (
        serve() as running,
        kind(running.http, "first") as publisher,
        BundleOnlyWatcher(running.http, "first") as watcher,
    ):
        await publisher.connect()
        await watcher.connect()
        await watcher.until_sound(lambda rms: rms > 5000)
        await watcher.until_pictures(is_bright)


async def test_a_call_may_be_bundled_too(serve: Serve) -> None:
    async with serve() as running, BundleOnlyCaller(running.http) as caller:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        await caller.until_pictures(is_bright)


async def test_candidates_of_the_section_that_leads_are_those_of_all(serve: Serve) -> None:
    async with serve() as running, TricklingVideoFirst(running.http, "first") as peer:
        response = await peer.post()
        peer.location = response.headers["Location"]
        headers = FRAGMENT | {"If-Match": response.headers["ETag"]}
        patched = await running.http.patch(peer.location, content=HOST, headers=headers)
        assert patched.status_code == 204
        ports = [candidate.port for candidate in agent(running, peer).remote_candidates]
        assert ports == [40000]


async def test_candidates_in_the_offer_are_those_of_the_section_that_leads(serve: Serve) -> None:
    offer = BUNDLED + SPOKEN + CANDIDATE + HIDDEN
    async with serve() as running:
        response = await running.http.post("/whip/first", content=offer, headers=SDP)
        peer = Broadcaster(running.http, "first")
        peer.location = response.headers["Location"]
        ports = [candidate.port for candidate in agent(running, peer).remote_candidates]
        assert ports == [40001]
        await peer.peer.close()


async def test_a_restart_is_answered_for_the_section_that_leads(serve: Serve) -> None:
    async with serve() as running, VideoFirst(running.http, "first") as peer:
        await peer.connect()
        await restart(running, peer)
        response = await peer.restart_ice()
        assert "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" in response.text


@pytest.mark.parametrize(("count", "status"), [(64, 201), (65, 422)])
async def test_candidates_that_are_shared_count_once(serve: Serve, count: int, status: int) -> None:
    host = "a=candidate:1 1 udp 2122260223 127.0.0.1 {} typ host\r\n"
    many = "".join(host.format(20_000 + i) for i in range(count))
    async with serve() as running:
        content = BUNDLED + SPOKEN + many + HIDDEN
        response = await running.http.post("/whip/first", content=content, headers=SDP)
        assert response.status_code == status
