"""What another WHIP server answers, of any kind and size: it is used, or told, within bounds."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from server import whip_client
from server.whip_client import PushError, WhipClient, parse_ice_servers
from server.whip_resource import MAX_SDP_BYTES

URL = httpx.URL("http://studio.example/whip/secret")
TURN = '<turn:{}>; rel="ice-server"; username="{}"; credential="c"'
Answer = Callable[[httpx.Request], httpx.Response]


class Body(httpx.AsyncByteStream):
    """Sends ``pieces``, then nothing for ever with ``hangs``; counts the bytes that were taken."""

    def __init__(self, *pieces: bytes, times: int = 1, hangs: bool = False) -> None:
        self.taken = 0
        self._pieces = pieces * times
        self._hangs = hangs

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.taken += len(piece)
            yield piece
        if self._hangs:
            await asyncio.Event().wait()


def created(body: Body | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        201, headers={"Location": "/session", **named}, stream=body or Body(b"v=0")
    )


def naming(links: str) -> httpx.Response:
    return httpx.Response(204, headers={"Link": links}, stream=Body())


def client(answer: Answer) -> WhipClient:
    return WhipClient(httpx.AsyncClient(transport=httpx.MockTransport(answer)), URL, "token")


async def test_the_last_credentials_of_a_server_lead() -> None:
    links = iter(
        [
            TURN.format("a.example", "old") + ", <stun:b.example>; rel=ice-server",
            TURN.format("a.example", "new"),
        ]
    )
    subject = client(lambda _: naming(next(links)))
    await subject.find_ice_servers()
    await subject.find_ice_servers()
    assert [(server.url, server.username) for server in subject.ice_servers] == [
        ("turn:a.example", "new"),
        ("stun:b.example", None),
    ]


async def test_servers_that_are_named_anew_each_time_are_forgotten_in_time() -> None:
    names = iter(range(100))
    subject = client(lambda _: naming(TURN.format(f"t{next(names)}", "u")))
    for _ in range(100):
        await subject.find_ice_servers()
    assert len(subject.ice_servers) == 20
    assert subject.ice_servers[0].url == "turn:t99"


async def test_an_answer_that_never_ends_is_not_read_to_its_end() -> None:
    body = Body(bytes(1000), times=1000)
    subject = client(lambda _: created(body))
    with pytest.raises(PushError, match="more than 65536 bytes"):
        await subject.publish("v=0")
    assert body.taken <= MAX_SDP_BYTES + 1000


async def test_an_answer_of_the_largest_size_is_read_whole() -> None:
    subject = client(lambda _: created(Body(b"x" * 4096, times=MAX_SDP_BYTES // 4096)))
    assert await subject.publish("v=0") == "x" * MAX_SDP_BYTES


async def test_a_packed_answer_is_not_asked_for_and_not_unpacked() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["Accept-Encoding"])
        return created(Body(b"packed"), Content_Encoding="gzip")

    with pytest.raises(PushError, match="'gzip'"):
        await client(answer).publish("v=0")
    assert asked == ["identity"]


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "DELETE"])
async def test_an_answer_that_stands_still_is_given_up(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(whip_client, "_TIMEOUT_S", 0.1)

    def answer(request: httpx.Request) -> httpx.Response:
        return created(Body(b"v=0", hangs=request.method == method))

    subject = client(answer)
    async with asyncio.timeout(20):
        if method == "DELETE":
            await subject.publish("v=0")
            await subject.end()
            return
        with pytest.raises(PushError, match=r"studio.example did not answer within 0.1 s"):
            await (subject.find_ice_servers() if method == "OPTIONS" else subject.publish("v=0"))


@pytest.mark.parametrize("location", ["http://[::1", "//host:abc/", "//host:99999/", "mailto:a"])
async def test_a_server_that_points_to_nowhere_is_told(location: str) -> None:
    def answers(status: int) -> WhipClient:
        headers = {"Location": location}
        return client(lambda _: httpx.Response(status, headers=headers, stream=Body(b"v=0")))

    with pytest.raises(PushError, match="no http") as told:
        await answers(201).publish("v=0")
    assert told.value.is_refusal
    with pytest.raises(PushError):
        await answers(307).publish("v=0")


async def test_an_etag_that_cannot_be_given_back_ends_no_push() -> None:
    headers = [(b"Location", b"/session"), (b"ETag", b'"\xff"')]
    subject = client(lambda _: httpx.Response(201, headers=headers, stream=Body(b"v=0")))
    await subject.publish("v=0")
    await subject.end()


def test_ice_servers_in_link_headers() -> None:
    found = parse_ice_servers(
        [
            '<stun:a.example>; rel="ice-server", <turn:b.example?transport=udp>; rel="ice-server";'
            ' username="u,1"; credential="p;2"; credential-type="password"',
            '<https://c.example>; rel="next"',
            '<turn:d.example>; rel="ice-server"',  # no credentials: of no use
        ]
    )
    assert [server.url for server in found] == ["stun:a.example", "turn:b.example?transport=udp"]
    assert (found[1].username, found[1].credential) == ("u,1", "p;2")
