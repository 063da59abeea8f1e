"""Packets of sound that carry the one before again, and a way that loses some."""

import av
import numpy as np
import pytest
from aiortc.jitterbuffer import JitterFrame
from hypothesis import given
from hypothesis import strategies as st

from server import red, sdp
from server.config import VoiceConfig
from server.encoders import VOICE_TIME_BASE, VoiceEncoder
from server.red import Block
from server.redundancy import RedDecoder, RedEncoder
from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE
from tests.server.caller import Caller
from tests.server.conftest import Serve

CHUNKS = 50


def tone() -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    times = np.arange(CHUNKS * VOICE_CHUNK_SAMPLES) / VOICE_RATE
    return (8000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)


def packets() -> list[bytes]:
    encoder, sender = VoiceEncoder(VoiceConfig()), RedEncoder()
    sent = []
    for index, chunk in enumerate(tone().reshape(-1, VOICE_CHUNK_SAMPLES, 1)):
        coded: av.Packet[av.stream.Stream] = av.Packet(
            encoder.encode(chunk, index * VOICE_CHUNK_SAMPLES)
        )
        coded.pts, coded.time_base = index * VOICE_CHUNK_SAMPLES, VOICE_TIME_BASE
        payloads, timestamp = sender.pack(coded)
        assert timestamp == index * VOICE_CHUNK_SAMPLES
        sent += payloads
    return sent


def decoded(order: list[int]) -> dict[int, "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"]:
    """What is heard of packets that come in this order, by the number of each."""
    sent, decoder = packets(), RedDecoder()
    heard = {}
    for index in order:
        for frame in decoder.decode(JitterFrame(sent[index], index * VOICE_CHUNK_SAMPLES)):
            assert isinstance(frame, av.AudioFrame)
            assert frame.pts is not None
            number = frame.pts // VOICE_CHUNK_SAMPLES
            assert number not in heard
            heard[number] = frame.to_ndarray().astype(np.float64)
    return heard


def test_of_two_packets_in_a_row_one_may_be_lost() -> None:
    whole = decoded(list(range(CHUNKS)))
    with_losses = decoded([i for i in range(CHUNKS) if i % 2 or i == 0])
    assert sorted(whole) == sorted(with_losses) == list(range(CHUNKS))
    for number in whole:
        np.testing.assert_array_equal(with_losses[number], whole[number])


def test_two_that_are_lost_in_a_row_cost_one() -> None:
    heard = decoded([i for i in range(CHUNKS) if i not in (20, 21)])
    assert set(range(CHUNKS)) - set(heard) == {20}


def test_one_that_comes_late_is_not_heard_twice() -> None:
    assert sorted(decoded([0, 1, 3, 2, 4, 4, 5])) == [0, 1, 2, 3, 4, 5]


def test_where_the_way_is_good_it_sounds_as_without() -> None:
    heard = decoded(list(range(CHUNKS)))
    sound = np.concatenate([heard[i][0, ::2] for i in range(10, 40)])
    assert np.argmax(np.abs(np.fft.rfft(sound))) * VOICE_RATE / len(sound) == pytest.approx(300, 1)


@given(
    st.lists(st.tuples(st.integers(1, 16383), st.binary(max_size=1023)), max_size=4), st.binary()
)
def test_what_is_packed_is_unpacked(earlier: list[tuple[int, bytes]], new: bytes) -> None:
    blocks = [*(Block(age, data) for age, data in earlier), Block(0, new)]
    assert red.unpack(red.pack(blocks)) == blocks


@given(st.binary(max_size=40))
def test_what_is_no_such_packet_is_left_out(payload: bytes) -> None:
    try:
        red.unpack(payload)
    except ValueError:
        assert RedDecoder().decode(JitterFrame(payload, 0)) == []


@pytest.mark.parametrize("block", [Block(0, b"x"), Block(16384, b"x"), Block(960, bytes(1024))])
def test_what_no_header_can_say_is_refused(block: Block) -> None:
    assert not red.fits(block)
    with pytest.raises(ValueError, match="leave it out"):
        red.pack([block, Block(0, b"y")])


def offering_redundancy(offer: str) -> str:
    """What a browser offers: Opus is 111, and RED around it 63."""
    audio, video = offer.split("m=video", 1)
    lines = [line for line in audio.split("\r\n") if "rtpmap" not in line and "fmtp" not in line]
    media = next(i for i, line in enumerate(lines) if line.startswith("m=audio"))
    lines[media] = " ".join([*lines[media].split()[:3], "111", "63"])
    lines[media + 1 : media + 1] = []
    at = next(i for i, line in enumerate(lines) if line.startswith("a=mid"))
    lines[at:at] = ["a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"]
    return "\r\n".join(lines) + "m=video" + video


async def test_a_browser_that_offers_redundancy_is_answered_with_it(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        offer = offering_redundancy(await caller.offer())
        assert sdp.check_call(offer.encode()).has_redundancy
        response = await running.http.post(
            "/v1/calls", content=offer, headers={"Content-Type": "application/sdp"}
        )
        assert response.status_code == 201, response.text
        audio = response.text[response.text.index("m=audio") : response.text.index("m=video")]
        assert audio.splitlines()[0].split()[3:] == ["63", "111"]
        assert "a=rtpmap:63 red/48000/2" in audio
        assert "a=fmtp:63 111/111" in audio
        await running.http.delete(response.headers["Location"])


async def test_who_offers_none_is_answered_without(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        response = await caller.post()
        assert response.status_code == 201
        assert "red/48000" not in response.text
