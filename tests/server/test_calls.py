"""The resource rules of calls (RFC 9725), and admission."""

import dataclasses
from types import SimpleNamespace

import httpx
import pytest

from server.config import CallConfig
from server.lifecycle import Phase
from server.turn import IceServer
from tests.server.caller import Caller
from tests.server.conftest import CONFIG, Serve, with_calls

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


def problem(response: httpx.Response, status: int, code: str) -> str:
    """Check that it is this problem; return its detail."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    content = response.json()
    assert content["status"] == status
    assert content["type"] == f"urn:likeness:problem:{code}"
    assert content["title"]
    detail: str = content["detail"]
    return detail


async def test_over_the_limit_503_and_those_who_talk_go_on(serve: Serve) -> None:
    config = with_calls(CallConfig(max_sessions=1, retry_after_s=7))
    async with serve(config) as running, Caller(running.http) as first:
        await first.connect()
        async with Caller(running.http) as second:
            refused = await second.post()
            assert "all 1 places" in problem(refused, 503, "server-full")
            assert refused.headers["Retry-After"] == "7"
        await first.until_sound(lambda rms: rms > 5000)
        await running.http.delete(first.location)
        async with Caller(running.http) as third:
            assert (await third.post()).status_code == 201


async def test_before_the_model_is_warm_calls_are_asked_to_come_back(serve: Serve) -> None:
    async with serve(ready=False) as running, Caller(running.http) as caller:
        running.avatar.gate.clear()
        problem(await running.http.get("/readyz"), 503, "starting")
        assert (await running.http.get("/healthz")).status_code == 200
        problem(await caller.post(), 503, "starting")
        running.avatar.gate.set()
        await running.server.ready.wait()
        assert (await running.http.get("/readyz")).json()["max_sessions"] == 2
        assert (await running.http.post("/v1/calls", content="x", headers=SDP)).status_code == 400


async def test_limit_is_measured_when_not_configured(serve: Serve) -> None:
    async with serve(with_calls(CallConfig())) as running:
        found = running.server.admission.max_sessions
        assert found is not None
        assert found >= 1


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ("hello", 400, "invalid-sdp", "found 5 bytes that are not an SDP offer"),
        ("", 400, "invalid-sdp", "found 0 bytes"),
        ("v=0\r\nm=audio nine\r\n", 400, "invalid-sdp", "not an SDP offer"),
        (b"v=0\xff\xfe", 400, "invalid-sdp", "UnicodeDecodeError"),
        ("v=0\r\n", 422, "unusable-offer", "found 0 audio sections, expected 1"),
    ],
)
async def test_what_is_no_offer(
    serve: Serve, body: str | bytes, status: int, code: str, says: str
) -> None:
    async with serve() as running:
        response = await running.http.post("/v1/calls", content=body, headers=SDP)
        assert says in problem(response, status, code)
        assert running.server.admission.sessions == 0


async def test_wrong_type_too_long_unknown_portrait(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        http = running.http
        response = await http.post("/v1/calls", json={})
        assert "application/json, expected application/sdp" in problem(
            response, 415, "unsupported-media-type"
        )
        response = await http.post("/v1/calls", content="v=0\n" * 20_000, headers=SDP)
        problem(response, 413, "body-too-large")
        problem(await caller.post(portrait="nobody"), 404, "unknown-portrait")
        assert running.server.admission.sessions == 0


async def test_a_place_is_free_again_when_a_call_cannot_even_be_discarded(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("no socket left")

    async with serve() as running, Caller(running.http) as caller:
        monkeypatch.setattr("server.session.Session.answer", fail)
        monkeypatch.setattr("server.session.Session.discard", fail)
        with pytest.raises(OSError, match="no socket left"):
            await caller.post()
        assert running.server.admission.sessions == 0


async def test_patch_needs_the_etag_of_this_ice_session(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        response = await caller.post()
        url, etag = response.headers["Location"], response.headers["ETag"]

        async def patch(content: str, **headers: str) -> httpx.Response:
            return await running.http.patch(url, content=content, headers=FRAGMENT | headers)

        match = {"If-Match": etag}
        problem(await patch(""), 428, "if-match-required")
        problem(await patch("", **{"If-Match": '"other"'}), 412, "other-ice-session")
        problem(await patch("", **{"If-Match": "W/" + etag}), 412, "other-ice-session")
        problem(await patch("a=ice-ufrag:else\r\n", **match), 422, "other-ice-session")
        problem(await patch("a=candidate:1 1 udp", **match), 400, "invalid-sdpfrag")
        problem(await patch("a=mid:0\r\na=candidate:1 1 udp", **match), 400, "invalid-sdpfrag")
        problem(await patch("garbage", **match), 400, "invalid-sdpfrag")
        problem(await patch("a=x\r\n" * 14_000, **match), 413, "body-too-large")
        response = await running.http.patch(url, content="", headers=SDP | match)
        problem(response, 415, "unsupported-media-type")
        host = "a=candidate:1 1 udp 2122260223 127.0.0.1 {} typ host"
        many = "\r\n".join(["a=mid:0", *(host.format(20_000 + i) for i in range(65))])
        assert "expected at most 64" in problem(
            await patch(many, **match), 422, "too-many-candidates"
        )
        assert (await patch("a=end-of-candidates", **match)).status_code == 204
        session = running.server.calls.get(url.rpartition("/")[2])
        assert session.phase is Phase.CONNECTING


async def test_no_renegotiation_and_what_is_allowed_is_said(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        url = (await caller.post()).headers["Location"]
        response = await running.http.post(url, content="v=0", headers=SDP)
        assert "offer again" in problem(response, 405, "method-not-allowed")
        assert response.headers["Allow"] == "PATCH, DELETE, GET, HEAD, OPTIONS"
        problem(await running.http.put("/v1/calls"), 405, "method-not-allowed")
        assert (await running.http.get("/v1/calls")).status_code == 204
        options = await running.http.options("/v1/calls")
        assert options.status_code == 200
        assert options.headers["Accept-Post"] == "application/sdp"
        options = await running.http.options(url)
        assert options.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"


async def test_ice_servers_reach_the_browser(serve: Serve) -> None:
    config = dataclasses.replace(
        CONFIG,
        ice_servers=(
            IceServer(url="stun:127.0.0.1:9"),
            IceServer(url="turn:127.0.0.1:9?transport=udp", username="u", credential="c:1"),
        ),
    )
    async with serve(config) as running:
        options = await running.http.options("/v1/calls")
        assert options.headers.get_list("Link") == [
            '<stun:127.0.0.1:9>; rel="ice-server"',
            '<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="u"; credential="c:1"'
            '; credential-type="password"',
        ]


async def test_each_request_gets_fresh_credentials(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = IceServer(url="turn:127.0.0.1:9", secret="hush", credential_ttl_s=60)
    async with serve(dataclasses.replace(CONFIG, ice_servers=(server,))) as running:
        links = []
        for now_unix_s in (1_700_000_000.0, 1_700_000_010.0):
            clock = SimpleNamespace(time=lambda now_unix_s=now_unix_s: now_unix_s)
            monkeypatch.setattr("server.whip_resource.time", clock)
            links.append((await running.http.options("/v1/calls")).headers["Link"])
    assert 'username="1700000060"' in links[0]
    assert 'username="1700000070"' in links[1]
    assert "hush" not in "".join(links)


async def test_a_relay_that_is_away_is_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    away = IceServer(url="turn:127.0.0.1:9?transport=tcp", username="u", credential="hush")
    async with (
        serve(dataclasses.replace(CONFIG, ice_servers=(away,))) as running,
        Caller(running.http) as caller,
    ):
        await caller.connect()
    assert "turn:127.0.0.1:9?transport=tcp relays nothing for this server" in caplog.text
    assert "hush" not in caplog.text
