"""What RFC 9725 (WHIP) and draft-ietf-wish-whep demand of a server, one test per demand.

server/whip_whep.md has the table. Both documents say the same of most; such a test
runs for a publisher and for a viewer.
"""

import dataclasses
import re

import httpx
import pytest

from server.config import CallConfig
from server.keys import Scope
from server.turn import IceServer
from tests.server.caller import Broadcaster, RemotePeer, Watcher
from tests.server.conftest import CONFIG, Running, Serve, with_calls
from tests.server.test_access import ELSEWHERE, add
from tests.server.test_calls import FRAGMENT, SDP, problem
from tests.server.test_cross_origin import NAMED, ORIGIN, preflight
from tests.server.test_sdp import AUDIO, HEAD

Kind = type[Broadcaster] | type[Watcher]
both = pytest.mark.parametrize("kind", [Broadcaster, Watcher])
ENDPOINTS = ("/whip/first", "/whep/first")
HOST = "a=mid:0\r\na=candidate:1 1 udp 2122260223 127.0.0.1 40000 typ host\r\n"


async def posted(running: Running, peer: RemotePeer) -> httpx.Response:
    """Make the avatar "first" live, and offer."""
    await running.http.put("/v1/avatars/first/live")
    response = await peer.post()
    assert response.status_code == 201, response.text
    return response


def sections(sdp: str) -> list[str]:
    """Return the media sections of a description."""
    return re.split(r"(?=^m=)", sdp, flags=re.MULTILINE)[1:]


def streams(sdp: str) -> int:
    """Return of how many MediaStreams the sections of a description are."""
    found = re.findall(r"a=msid:(\S+) ", sdp)
    assert len(found) == len(sections(sdp))
    return len(set(found))


@both
async def test_an_offer_is_answered_with_201_location_and_etag(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        response = await posted(running, peer)
        assert response.headers["Content-Type"] == "application/sdp"
        assert response.text.startswith("v=0")
        assert re.fullmatch(rf"{peer.path}/[\w-]{{20,}}", response.headers["Location"])
        assert re.fullmatch(r'"[^"]+"', response.headers["ETag"])


@both
async def test_the_answer_flows_one_way_in_one_bundle_of_one_stream(
    serve: Serve, kind: Kind
) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        answer = (await posted(running, peer)).text
        found = sections(answer)
        way = "a=recvonly" if kind is Broadcaster else "a=sendonly"
        assert all(way in section for section in found)
        assert all("a=rtcp-mux\r\n" in section for section in found)
        # RFC 8858 section 3 keeps "rtcp-mux-only" out of answers.
        assert "rtcp-mux-only" not in answer
        mids = re.findall(r"a=mid:(\S+)", answer)
        assert f"a=group:BUNDLE {' '.join(mids)}\r\n" in answer
        assert len(set(re.findall(r"a=ice-ufrag:(\S+)", answer))) == 1
        if kind is Watcher:
            assert streams(answer) == 1


@both
async def test_the_answer_has_all_our_candidates_and_takes_a_dtls_role(
    serve: Serve, kind: Kind
) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        answer = (await posted(running, peer)).text
        assert "a=candidate:" in answer
        assert "a=end-of-candidates" in answer
        assert all("a=setup:active" in section for section in sections(answer))


@both
async def test_candidates_are_taken_with_204_and_no_etag(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        response = await posted(running, peer)
        headers = FRAGMENT | {"If-Match": response.headers["ETag"]}
        url = response.headers["Location"]
        patched = await running.http.patch(url, content=HOST, headers=headers)
        assert (patched.status_code, patched.content) == (204, b"")
        assert "ETag" not in patched.headers


@both
@pytest.mark.parametrize(
    "address", ["1 1 tcp 1518280447 127.0.0.1 9", "1 1 udp 2122260223 nowhere.invalid 40000"]
)
async def test_candidates_that_cannot_be_used_are_passed_over(
    serve: Serve, kind: Kind, address: str
) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        response = await posted(running, peer)
        headers = FRAGMENT | {"If-Match": response.headers["ETag"]}
        content = f"a=mid:0\r\na=candidate:{address} typ host\r\n{HOST}"
        url = response.headers["Location"]
        patched = await running.http.patch(url, content=content, headers=headers)
        assert patched.status_code == 204, patched.text


@both
async def test_an_entity_tag_is_needed_and_must_match(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        url = (await posted(running, peer)).headers["Location"]
        response = await running.http.patch(url, content=HOST, headers=FRAGMENT)
        problem(response, 428, "if-match-required")
        headers = FRAGMENT | {"If-Match": '"other"'}
        response = await running.http.patch(url, content=HOST, headers=headers)
        problem(response, 412, "other-ice-session")


@both
async def test_a_fragment_must_be_one(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        response = await posted(running, peer)
        url, tag = response.headers["Location"], {"If-Match": response.headers["ETag"]}
        for content, media_type, status in (
            (b"garbage", FRAGMENT["Content-Type"], 400),
            (b"\xff", FRAGMENT["Content-Type"], 400),
            (b"a=mid:0\r\na=candidate:1 1 udp", FRAGMENT["Content-Type"], 400),
            (HOST.encode(), "text/plain", 415),
        ):
            headers = tag | {"Content-Type": media_type}
            found = await running.http.patch(url, content=content, headers=headers)
            assert found.status_code == status, content
        assert (await running.http.get(url)).status_code == 204


@both
async def test_deleting_ends_it_whatever_the_entity_tag(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        await running.http.put("/v1/avatars/first/live")
        await peer.connect()
        connections = running.server.publishers if kind is Broadcaster else running.server.viewers
        # A DTLS handshake that is not over here, though it is there, has no goodbye.
        await connections.peer(peer.location.rpartition("/")[2]).connected.wait()
        gone = await running.http.delete(peer.location, headers={"If-Match": '"other"'})
        assert gone.status_code == 200
        await peer.until_state("closed")
        assert (await running.http.delete(peer.location)).status_code == 404


@both
async def test_below_another_avatar_it_is_not_there(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        response = await posted(running, peer)
        url, headers = response.headers["Location"], {"If-Match": response.headers["ETag"]}
        other = url.replace("/first/", "/second/")
        noun = "publisher" if kind is Broadcaster else "viewer"
        for method in ("GET", "PATCH", "DELETE", "OPTIONS", "POST", "PUT"):
            refused = await running.http.request(
                method, other, content=HOST, headers=FRAGMENT | headers
            )
            assert refused.status_code == 404, method
        problem(await running.http.delete(other), 404, f"unknown-{noun}")
        patched = await running.http.patch(url, content=HOST, headers=FRAGMENT | headers)
        assert patched.status_code == 204
        assert (await running.http.options(url)).status_code == 200
        assert (await running.http.delete(url)).status_code == 200


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_an_offer_must_be_one(serve: Serve, path: str) -> None:
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        response = await running.http.post(path, json={})
        problem(response, 415, "unsupported-media-type")
        response = await running.http.post(path, content="hello", headers=SDP)
        problem(response, 400, "invalid-sdp")
        response = await running.http.post(path, content="v=0\r\n", headers=SDP)
        problem(response, 422, "unusable-offer")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
async def test_media_flows_one_way(serve: Serve, path: str, direction: str) -> None:
    allowed = "sendonly" if path.startswith("/whip") else "recvonly"
    audio = AUDIO.replace("sendrecv", direction)
    content = HEAD.replace("BUNDLE 0 1 2", "BUNDLE 0") + audio
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        response = await running.http.post(path, content=content, headers=SDP)
        assert response.status_code == (201 if direction == allowed else 422)


@both
async def test_get_has_nothing_to_show(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        url = (await posted(running, peer)).headers["Location"]
        for path in (peer.path, url):
            for method in ("GET", "HEAD"):
                response = await running.http.request(method, path)
                assert (response.status_code, response.content) == (204, b"")


@both
async def test_other_methods_are_not_allowed(serve: Serve, kind: Kind) -> None:
    async with serve() as running, kind(running.http, "first") as peer:
        url = (await posted(running, peer)).headers["Location"]
        for path, methods in ((peer.path, ("PUT", "PATCH", "DELETE")), (url, ("PUT", "POST"))):
            for method in methods:
                response = await running.http.request(method, path, content="", headers=SDP)
                problem(response, 405, "method-not-allowed")
                assert method not in response.headers["Allow"].split(", ")


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_options_tell_what_may_be_posted_and_by_which_ice_servers(
    serve: Serve, path: str
) -> None:
    turn = IceServer(url="turn:127.0.0.1:9?transport=udp", username="u", credential="c")
    async with serve(dataclasses.replace(CONFIG, ice_servers=(turn,))) as running:
        options = await running.http.options(path)
        assert options.status_code == 200
        assert options.headers["Accept-Post"] == "application/sdp"
        assert options.headers["Link"] == (
            '<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="u"; credential="c"'
            '; credential-type="password"'
        )


@both
async def test_the_answer_names_the_ice_servers(serve: Serve, kind: Kind) -> None:
    config = dataclasses.replace(CONFIG, ice_servers=(IceServer(url="stun:127.0.0.1:9"),))
    async with serve(config) as running, kind(running.http, "first") as peer:
        await running.http.put("/v1/avatars/first/live")
        # Posting is enough: nobody answers at that address.
        response = await peer.post()
        assert response.headers["Link"] == '<stun:127.0.0.1:9>; rel="ice-server"'


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_preflights_are_answered(serve: Serve, path: str) -> None:
    async with serve(NAMED) as running:
        for method in ("POST", "PATCH", "DELETE"):
            response = await preflight(running.http, ORIGIN, method, path=path)
            assert response.status_code == 200
            assert method in response.headers["Access-Control-Allow-Methods"]


@both
async def test_bearer_tokens_are_asked_for_and_checked(serve: Serve, kind: Kind) -> None:
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        key = add(running, Scope.PUBLISH if kind is Broadcaster else Scope.VIEW)
        too_little = add(running, Scope.VIEW) if kind is Broadcaster else None
        async with running.client(ELSEWHERE) as client, kind(client, "first") as peer:
            response = await peer.post()
            problem(response, 401, "key-required")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        async with running.client(ELSEWHERE, "lk_wrong") as client, kind(client, "first") as peer:
            problem(await peer.post(), 401, "invalid-key")
        if too_little is not None:
            async with (
                running.client(ELSEWHERE, too_little) as client,
                kind(client, "first") as peer,
            ):
                problem(await peer.post(), 403, "insufficient-scope")
        async with running.client(ELSEWHERE, key) as client, kind(client, "first") as peer:
            response = await peer.post()
            assert response.status_code == 201
            url = response.headers["Location"]
            async with running.client(ELSEWHERE) as stranger:
                problem(await stranger.delete(url), 401, "key-required")
                assert (await stranger.patch(url)).status_code == 401
            assert (await client.delete(url)).status_code == 200


async def test_a_full_server_says_when_to_come_back(serve: Serve) -> None:
    config = with_calls(CallConfig(max_sessions=1, retry_after_s=7))
    async with serve(config) as running, Broadcaster(running.http, "second") as peer:
        await running.http.put("/v1/avatars/first/live")
        response = await peer.post()
        problem(response, 503, "server-full")
        assert response.headers["Retry-After"] == "7"


async def test_who_comes_before_anybody_is_live_is_told_when_to_come_back(serve: Serve) -> None:
    async with serve() as running, Watcher(running.http, "first") as peer:
        response = await peer.post()
        problem(response, 409, "not-live")
        assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", [*ENDPOINTS, "/whip", "/whep"])
async def test_nobody_is_ever_sent_elsewhere(serve: Serve, path: str) -> None:
    """A redirection would have to be 307 or 308 (RFC 9725 section 4.5): there is none at all."""
    async with serve() as running:
        for odd in (path, path + "/", path.replace("/w", "//w", 1)):
            for method in ("POST", "GET", "OPTIONS"):
                response = await running.http.request(method, odd, content="x", headers=SDP)
                assert not response.is_redirect, odd
