"""Offers whose data channel leads the bundle, and how much one description may bring."""

import time

import httpx
import pytest
from aiortc import RTCSessionDescription

from server import bundle, sdp, sdp_sections
from server.problems import Problem
from tests.server.caller import Caller
from tests.server.conftest import Serve
from tests.server.test_bundle import BUNDLED, SPOKEN
from tests.server.test_call import is_bright
from tests.server.test_calls import SDP, problem
from tests.server.test_sdp import AUDIO, DATA, HEAD, VIDEO
from tests.server.test_whip import sections

MUX = "a=rtcp-mux\r\n"
DATA_LEADS = HEAD.replace("BUNDLE 0 1 2", "BUNDLE 2 0 1") + DATA.replace(MUX, "")


class DataFirst(Caller):
    """Its data channel was made before the tracks, and has the transport of all of them."""

    def __init__(self, http: httpx.AsyncClient, *, hides_the_others: bool) -> None:
        super().__init__(http)
        self.hides_the_others = hides_the_others

    async def offer(self) -> str:
        session, *media = sdp_sections.split(await super().offer())
        *others, data = media
        assert sdp_sections.kind_of(data) == "application"
        if self.hides_the_others:
            others = [hidden(lines) for lines in others]
        return bundle.led_by(sdp_sections.join([session, data, *others]), "application")

    async def connect(self, **params: str) -> None:
        response = await self.post(**params)
        assert response.status_code == 201, response.text
        self.location = response.headers["Location"]
        # aiortc, which offers here, knows its data channel as the last section.
        session, data, *others = sdp_sections.split(response.text)
        answer = sdp_sections.join([session, *others, data])
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.ready()


def hidden(lines: list[str]) -> list[str]:
    """Bundle-only, as RFC 9143 section 9.3.1 has it: with a=rtcp-mux, which is each one's own."""
    media, _, *formats = lines[0].split()
    transport = ("a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=end-of", "a=rtcp:")
    kept = [line for line in lines[1:] if not line.startswith(transport)]
    return [" ".join([media, "0", *formats]), *kept, "a=bundle-only"]


@pytest.mark.parametrize("hides_the_others", [False, True])
async def test_a_call_whose_data_channel_leads_connects(
    serve: Serve, hides_the_others: bool
) -> None:
    async with (
        serve() as running,
        DataFirst(running.http, hides_the_others=hides_the_others) as caller,
    ):
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        await caller.until_pictures(is_bright)


def test_rtcp_of_one_section_is_that_of_all_behind_a_data_channel() -> None:
    data, audio, video = sections(bundle.spread(DATA_LEADS + AUDIO + VIDEO.replace(MUX, "")))
    assert MUX not in data
    assert audio.count(MUX) == video.count(MUX) == 1


def test_where_none_multiplexes_rtcp_it_is_refused() -> None:
    offer = DATA_LEADS + AUDIO.replace(MUX, "") + VIDEO.replace(MUX, "")
    with pytest.raises(Problem, match="the audio section lacks a=rtcp-mux"):
        sdp.check_call(offer.encode())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a=candidate:1 1 udp 2122260223 127.0.0.1 40001 typ host\r\n", "too-many-candidates"),
        ("a=fingerprint:sha-256 AA:BB\r\n", "unusable-offer"),
        (MUX, "unusable-offer"),
    ],
)
async def test_what_would_be_copied_is_counted_before_it_is(
    serve: Serve, line: str, code: str
) -> None:
    others = "".join(
        f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\na=bundle-only\r\n" for mid in range(1, 16)
    )
    head = BUNDLED.replace("BUNDLE 0 1", "BUNDLE " + " ".join(map(str, range(16)))) + SPOKEN
    offer = head + line * ((65_000 - len(head + others)) // len(line)) + others
    began = time.thread_time()
    with pytest.raises(Problem) as caught:
        sdp.check_publisher(offer.encode())
    assert time.thread_time() - began < 0.04  # 0.1 s where they are copied and parsed
    assert caught.value.code == code
    async with serve() as running:
        problem(await running.http.post("/whip/first", content=offer, headers=SDP), 422, code)
