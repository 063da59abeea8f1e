import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import codec_preferences, negotiation
from server.problems import Problem
from server.sdp import VideoCodec, check_call

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"
TRANSPORT = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=rtcp-mux\r\n"
)
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\na=sendrecv\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n" + TRANSPORT
)
H264 = (
    "a=rtpmap:102 H264/90000\r\n"
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
)
VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\na=mid:1\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n"
    + H264
    + TRANSPORT
)
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n" + (
    TRANSPORT
)


def offer(audio: str = AUDIO, video: str = VIDEO, data: str = DATA) -> bytes:
    return (HEAD + audio + video + data).encode()


def alone(body: bytes) -> bytes:
    """Bundle nothing: each section has a transport of its own."""
    return body.replace(b"a=group:BUNDLE 0 1 2\r\n", b"")


def refusal(body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        check_call(body)
    return caught.value


def status(body: bytes) -> int:
    """What a POST of ``body`` is answered with."""
    try:
        check_call(body)
    except Problem as refused:
        return refused.status.value
    return 201


def test_a_browsers_offer() -> None:
    found = check_call(offer())
    assert found.video_codec is VideoCodec.H264
    assert found.ice_ufrag == "abcd"


@pytest.mark.parametrize(
    "fmtp",
    [
        "profile-level-id=42e01f",  # packetization-mode 0
        "packetization-mode=1;profile-level-id=640c1f",  # constrained high
        "packetization-mode=1;profile-level-id=4d001f",  # main
        "packetization-mode=1;profile-level-id=nonsense",
    ],
)
def test_vp8_where_h264_is_not_one_we_code(fmtp: str) -> None:
    video = re.sub(r"level-asymmetry-allowed.*?\r\n", fmtp + "\r\n", VIDEO)
    assert check_call(offer(video=video)).video_codec is VideoCodec.VP8


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (offer(audio=""), "found 0 audio sections, expected 1: add a microphone"),
        (offer(video=""), "found 0 video sections, expected 1: add a transceiver"),
        (offer(audio=AUDIO + AUDIO), "found 2 audio sections"),
        (offer(audio=AUDIO.replace("sendrecv", "recvonly")), "audio is recvonly"),
        (offer(audio=AUDIO.replace("a=sendrecv\r\n", "")), "audio is not given a direction"),
        (offer(video=VIDEO.replace("recvonly", "sendonly")), "video is sendonly"),
        (offer(audio=AUDIO.replace("opus", "iLBC")), "audio offers PCMU, iLBC, expected opus"),
        (
            offer(video=VIDEO.replace("VP8", "AV1").replace("H264", "H265")),
            "video offers AV1, H265, expected H264",
        ),
        (offer(audio=AUDIO.replace("a=ice-ufrag:abcd\r\n", "")), "audio section lacks a=ice-ufrag"),
        (
            alone(offer(video=VIDEO.replace("a=fingerprint:sha-256 AA:BB\r\n", ""))),
            "video section lacks a=fingerprint",
        ),
        (
            alone(offer(video=VIDEO.replace("a=rtcp-mux\r\n", ""))),
            "video section lacks a=rtcp-mux",
        ),
    ],
)
def test_unusable_offers_say_what_is_missing(body: bytes, says: str) -> None:
    found = refusal(body)
    assert found.status == 422
    assert says in found.detail


@given(st.data())
def test_damaged_offers_are_checked_or_refused_never_crashed_on(data: st.DataObject) -> None:
    whole = offer()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(start + 60, len(whole))))
    damaged = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
    assert status(damaged) in (201, 400, 422)


def test_only_the_wanted_codec_is_preferred() -> None:
    h264 = codec_preferences.for_pictures(VideoCodec.H264)
    assert [c.name for c in h264] == ["H264", "H264", "rtx"]
    assert h264[0].parameters["profile-level-id"] == "42e01f"
    assert [c.name for c in codec_preferences.for_pictures(VideoCodec.VP8)] == ["VP8", "rtx"]


def test_packet_time_is_asked_of_the_microphone_only() -> None:
    lines = negotiation.ask_packet_time(offer().decode(), 10).split("\r\n")
    assert lines.count("a=ptime:10") == 1
    at = lines.index("a=ptime:10")
    assert next(i for i, line in enumerate(lines) if line.startswith("m=audio")) < at
    assert next(i for i, line in enumerate(lines) if line.startswith("m=video")) > at
