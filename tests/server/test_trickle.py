import pytest
from aiortc.rtcicetransport import RTCIceParameters

from server import trickle
from server.problems import Problem

FRAGMENT = """a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
m=audio 9 RTP/AVP 0
a=mid:0
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0
a=candidate:1387637175 2 udp 2122260222 192.0.2.1 61765 typ host generation 0
a=candidate:3471623853 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active
a=end-of-candidates
"""


def test_fragment_of_the_rfc() -> None:
    fragment = trickle.parse(FRAGMENT.replace("\n", "\r\n").encode())
    assert fragment.ice_ufrag == "EsAw"
    assert fragment.complete
    assert [(c.ip, c.port, c.sdpMid) for c in fragment.candidates] == [("192.0.2.1", 61764, "0")]


def test_nothing_is_a_fragment_too() -> None:
    assert trickle.parse(b"") == trickle.Fragment(None, None, (), complete=False)


def test_what_is_written_is_read_again() -> None:
    candidates = trickle.parse(FRAGMENT.encode()).candidates
    written = trickle.write("audio", "0", RTCIceParameters("EsAw", "P2uYro0UCOQ4"), candidates)
    assert trickle.parse(written.encode()) == trickle.Fragment(
        "EsAw", "P2uYro0UCOQ4", candidates, complete=True
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\xff\xfe", "not text"),
        (b"hello there", "found the line 'hello there'"),
        (b"a=candidate:1 1 udp 1 192.0.2.1 1 typ host", "before any a=mid"),
        (b"a=mid:0\na=candidate:1 1 udp", "malformed"),
        (b"a=mid:0\na=candidate:1 one udp 1 192.0.2.1 1 typ host", "malformed"),
    ],
)
def test_malformed_fragments(body: bytes, says: str) -> None:
    with pytest.raises(Problem, match=says) as caught:
        trickle.parse(body)
    assert caught.value.status == 400
