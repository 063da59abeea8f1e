"""The HTTP side of a call: offers, ICE candidates and restarts, refusals; in an idle page."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.test_modules import run

pytestmark = pytest.mark.browser

OFFER = """v=0\r
a=ice-ufrag:AbCd\r
a=ice-pwd:secret\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:0\r
m=video 9 UDP/TLS/RTP/SAVPF 96\r
a=mid:1\r
"""


def test_ice_servers_come_from_the_link_header(idle_page: Page) -> None:
    header = (
        '<stun:a.example:3478>; rel="ice-server", </next>; rel="next", '
        '<turn:b.example?transport=udp>; rel="ice-server"; username="u"; credential="c,d"; '
        'credential-type="password"'
    )
    body = "return (await load('signalling')).parseIceServers(argument)"
    assert run(idle_page, body, header) == [
        {"urls": "stun:a.example:3478"},
        {"urls": "turn:b.example?transport=udp", "username": "u", "credential": "c,d"},
    ]
    assert run(idle_page, body, None) == []


@pytest.mark.parametrize(
    ("status", "code", "headers", "expected"),
    [
        (503, "server-full", {"Retry-After": "7"}, ["server-full", True, 7]),
        (503, "starting", {}, ["server-starting", True, 5]),
        (503, "portraits-busy", {"Retry-After": "5"}, ["portraits-busy", True, 5]),
        (503, "inference-died", {"Retry-After": "9"}, ["server-failed", True, 9]),
        (503, "", {"Retry-After": "soon"}, ["server-away", True, 5]),
        (502, "", {}, ["server-away", True, None]),
        (500, "", {}, ["server-failed", True, None]),
        (404, "unknown-portrait", {}, ["portrait-gone", False, None]),
        (404, "unknown-avatar", {}, ["portrait-gone", False, None]),
        (500, "damaged-avatar", {}, ["portrait-gone", False, None]),
        (404, "unknown-call", {}, ["connection-lost", True, None]),
        (404, "", {}, ["offer-refused", False, None]),
        (422, "unusable-offer", {}, ["offer-refused", False, None]),
    ],
)
def test_a_refusal_means_what_its_code_says(
    idle_page: Page, status: int, code: str, headers: dict[str, str], expected: list[Any]
) -> None:
    found = run(
        idle_page,
        """const { refusal } = await load('signalling');
           const [status, code, extra] = argument;
           const headers = { 'Content-Type': 'application/problem+json', ...extra };
           const type = code ? `urn:likeness:problem:${code}` : 'about:blank';
           const body = JSON.stringify({ type, detail: 'a detail' });
           const { kind, retry, retryAfter_s } =
             await refusal(new Response(body, { status, headers }));
           return [kind, retry, retryAfter_s]""",
        [status, code, headers],
    )
    assert found == expected


def test_a_fragment_names_credentials_first_medium_and_candidates(idle_page: Page) -> None:
    fragment = run(
        idle_page,
        "return (await load('signalling'))"
        ".sdpFragment(argument, ['candidate:1 1 udp 1 127.0.0.1 9 typ host'], true)",
        OFFER,
    )
    assert fragment.split("\r\n") == [
        "a=ice-ufrag:AbCd",
        "a=ice-pwd:secret",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ host",
        "a=end-of-candidates",
        "",
    ]


def test_a_new_ice_session_changes_only_what_is_of_ice(idle_page: Page) -> None:
    sdp = OFFER.replace("m=video", "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\nm=video").replace(
        "a=mid:1\r\n", "a=mid:1\r\na=ice-ufrag:AbCd\r\na=ice-pwd:secret\r\na=end-of-candidates\r\n"
    )
    fragment = (
        "a=ice-ufrag:new\r\na=ice-pwd:newer\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        "a=candidate:2 1 udp 1 127.0.0.2 9 typ host\r\na=end-of-candidates\r\n"
    )
    renewed = run(
        idle_page,
        "return (await load('signalling')).inNewIceSession(...argument)",
        [sdp, fragment],
    )
    assert renewed.split("\r\n") == [
        "v=0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=ice-ufrag:new",
        "a=ice-pwd:newer",
        "a=candidate:2 1 udp 1 127.0.0.2 9 typ host",
        "a=end-of-candidates",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
        "a=ice-ufrag:new",
        "a=ice-pwd:newer",
        "",
    ]


def noting(page: Page, restarted: dict[str, Any]) -> list[tuple[str, str]]:
    """Answer PATCHes of the call, one that restarts with `restarted`; note what they send."""
    sent: list[tuple[str, str]] = []

    def answer(route: Any) -> None:
        match = route.request.headers["if-match"]
        sent.append((match, route.request.post_data))
        route.fulfill(**(restarted if match == "*" else {"status": 204}))

    page.route("**/v1/calls/7", answer)
    return sent


def test_candidates_wait_for_the_session_that_they_belong_to(idle_page: Page) -> None:
    answer = {"status": 200, "headers": {"ETag": '"new"'}, "body": "a=ice-ufrag:theirs"}
    sent = noting(idle_page, answer)
    with idle_page.expect_event(
        "requestfinished", lambda request: "candidate:new" in (request.post_data or "")
    ):
        fragment = run(
            idle_page,
            """const { CallResource } = await load('signalling');
               const url = new URL('/v1/calls/7', document.baseURI).href;
               const call = new CallResource(url, '"old"', window, (error) => { throw error });
               const renewed = argument.replace('AbCd', 'EfGh');
               return call.restartIce(async () => {
                 call.trickle(renewed, 'candidate:new');
                 return renewed;
               }, async () => {})""",
            OFFER,
        )
    assert fragment == "a=ice-ufrag:theirs"
    assert [match for match, _ in sent] == ["*", '"new"']
    assert all("a=ice-ufrag:EfGh" in body for _, body in sent)


def test_a_restart_that_fails_leaves_nothing_behind(idle_page: Page) -> None:
    sent = noting(idle_page, {"status": 409})
    with idle_page.expect_event(
        "requestfinished", lambda request: "candidate:old" in (request.post_data or "")
    ):
        undone = run(
            idle_page,
            """const { CallResource } = await load('signalling');
               const url = new URL('/v1/calls/7', document.baseURI).href;
               const call = new CallResource(url, '"old"', window, (error) => { throw error });
               let undone = false;
               const begin = async () => {
                 call.trickle(argument.replace('AbCd', 'EfGh'), 'candidate:new');
                 return argument.replace('AbCd', 'EfGh');
               };
               await call.restartIce(begin, async () => { undone = true }).catch(() => {});
               call.trickle(argument, 'candidate:old');
               return undone""",
            OFFER,
        )
    assert undone
    assert [match for match, _ in sent] == ["*", '"old"']
    assert "candidate:new" not in sent[1][1]


def test_candidates_found_while_one_is_sent_share_the_next_request(idle_page: Page) -> None:
    bodies: list[str] = []

    def note(route: Any) -> None:
        bodies.append(route.request.post_data)
        route.fulfill(status=204)

    idle_page.route("**/v1/calls/7", note)
    with idle_page.expect_event(
        "requestfinished", lambda request: "end-of-candidates" in (request.post_data or "")
    ):
        run(
            idle_page,
            """const { CallResource } = await load('signalling');
               const url = new URL('/v1/calls/7', document.baseURI).href;
               const call = new CallResource(url, '"e"', window, (error) => { throw error });
               for (const name of ['candidate:1', 'candidate:2', 'candidate:3', null]) {
                 call.trickle(argument, name);
               }""",
            OFFER,
        )
    assert len(bodies) == 2
    assert "candidate:1" in bodies[0]
    assert "candidate:2\r\na=candidate:3\r\na=end-of-candidates" in bodies[1]
