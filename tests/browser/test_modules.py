"""The page's modules one by one, each imported into an otherwise idle page."""

from typing import Any

import pytest
from playwright.sync_api import Page

from server.lifecycle import Ending

pytestmark = pytest.mark.browser

OFFER = """v=0\r
a=ice-ufrag:AbCd\r
a=ice-pwd:secret\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:0\r
m=video 9 UDP/TLS/RTP/SAVPF 96\r
a=mid:1\r
"""


def run(page: Page, body: str, argument: Any = None) -> Any:
    """Run `body` in the page, where `load(name)` imports a module."""
    return page.evaluate(
        f"async (argument) => {{ const load = (name) => import(`/${{name}}.js`); {body} }}",
        argument,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "JSON"),
        ('{"type":"toString"}', 'type "toString"'),
        ('{"type":"ended"}', "reason = undefined"),
        ('{"type":"error","code":"x","message":"y","fatal":1}', "fatal = 1, expected a boolean"),
        ("null", "type undefined"),
    ],
)
def test_decode_refuses_what_is_no_message(idle_page: Page, text: str, complaint: str) -> None:
    said = run(
        idle_page,
        "const { decode } = await load('messages');"
        "try { decode(argument); return 'accepted' } catch (error) { return error.message }",
        text,
    )
    assert complaint in said


def test_decode_returns_a_message(idle_page: Page) -> None:
    body = "return (await load('messages')).decode(argument)"
    assert run(idle_page, body, '{"type":"ended","reason":"bye"}') == {
        "type": "ended",
        "reason": "bye",
    }


def test_backoff_doubles_to_its_cap_and_starts_over(idle_page: Page) -> None:
    waits_ms = run(
        idle_page,
        """const { Backoff } = await load('backoff');
           const backoff = new Backoff({ first_ms: 100, most_ms: 1000, random: () => 1 });
           const waits = [1, 2, 3, 4, 5, 6].map(() => backoff.next_ms());
           backoff.reset();
           return [...waits, backoff.next_ms()]""",
    )
    assert waits_ms == [100, 200, 400, 800, 1000, 1000, 100]


def test_backoff_never_waits_less_than_half(idle_page: Page) -> None:
    wait_ms = run(
        idle_page,
        "const { Backoff } = await load('backoff');"
        "return new Backoff({ first_ms: 100, random: () => 0 }).next_ms()",
    )
    assert wait_ms == 50


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
    ("ending", "kind", "retries"),
    [
        (Ending.HUNG_UP, "call-ended", False),
        (Ending.IDLE, "call-idle", False),
        (Ending.CLIENT_GONE, "connection-lost", True),
        (Ending.CONNECT_TIMEOUT, "connection-lost", True),
        (Ending.SERVER_SHUTDOWN, "server-stopped", True),
        (Ending.INFERENCE_FAILED, "server-failed", False),
        (Ending.INTERNAL_ERROR, "server-failed", False),
    ],
)
def test_every_ending_has_its_words(
    idle_page: Page, ending: Ending, kind: str, *, retries: bool
) -> None:
    found = run(
        idle_page,
        """const { endedError } = await load('call');
           const { describe } = await load('words');
           const error = endedError(argument);
           return [error.kind, error.retry, describe(error).text.length > 0]""",
        ending.value,
    )
    assert found == [kind, retries, True]


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


def test_candidates_wait_for_the_session_that_they_belong_to(idle_page: Page) -> None:
    sent: list[tuple[str, str]] = []

    def answer(route: Any) -> None:
        match = route.request.headers["if-match"]
        sent.append((match, route.request.post_data))
        if match == "*":
            route.fulfill(status=200, headers={"ETag": '"new"'}, body="a=ice-ufrag:theirs")
        else:
            route.fulfill(status=204)

    idle_page.route("**/v1/calls/7", answer)
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
    sent: list[tuple[str, str]] = []

    def answer(route: Any) -> None:
        match = route.request.headers["if-match"]
        sent.append((match, route.request.post_data))
        route.fulfill(status=409 if match == "*" else 204)

    idle_page.route("**/v1/calls/7", answer)
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


def test_figures_are_taken_over_the_last_second(idle_page: Page) -> None:
    def stats(at_s: float, frames: int, delay_s: float, emitted: int) -> dict[str, Any]:
        audio = {
            "timestamp": 1000 * at_s,
            "jitterBufferDelay": delay_s,
            "jitterBufferEmittedCount": emitted,
            "estimatedPlayoutTimestamp": 5000 + 1000 * at_s,
        }
        video = {
            "timestamp": 1000 * at_s,
            "framesDecoded": frames,
            "estimatedPlayoutTimestamp": 4990 + 1000 * at_s,
        }
        return {"audio": audio, "video": video, "pair": {"currentRoundTripTime": 0.02}}

    found = run(
        idle_page,
        "const { figures } = await load('stats'); return figures(...argument)",
        [
            stats(2.0, 60, 3840.0, 96_000),
            stats(1.0, 35, 1920.0, 48_000),
            {"playout_delay_ms": 200, "microphone_packet_ms": 10, "repeated_frames": 3},
        ],
    )
    assert found["fps"] == pytest.approx(25)
    assert found["skew_ms"] == pytest.approx(10)
    assert found["repeated_frames"] == 3
    # network 20 + packet 10 + playout 200 + the jitter buffer's 40
    assert found["latency_ms"] == pytest.approx(270)


def test_figures_that_no_one_measured_are_not_invented(idle_page: Page) -> None:
    found = run(idle_page, "const { figures } = await load('stats'); return figures({}, {}, null)")
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("now", "asks"),
    [
        ({"pliCount": 1, "freezeCount": 0}, False),
        ({"pliCount": 2, "freezeCount": 0}, True),
        ({"pliCount": 1, "freezeCount": 1}, True),
    ],
)
def test_a_stuck_decoder_asks_for_a_key_frame(
    idle_page: Page, now: dict[str, int], asks: bool
) -> None:
    body = "return (await load('stats')).needsKeyframe(argument, { pliCount: 1, freezeCount: 0 })"
    assert run(idle_page, body, now) is asks


def test_control_messages_wait_for_the_channel_and_only_the_newest_of_a_kind(
    idle_page: Page,
) -> None:
    sent = run(
        idle_page,
        """const { ControlChannel } = await load('control_channel');
           const channel = Object.assign(new EventTarget(), { readyState: 'connecting', sent: [] });
           channel.send = (text) => channel.sent.push(JSON.parse(text));
           const control = new ControlChannel(channel, { onMessage() {}, onClose() {} });
           control.send({ type: 'head_motion', speed: 0.1 });
           control.send({ type: 'head_motion', speed: 0.9 });
           control.send({ type: 'pause', paused: true });
           channel.readyState = 'open';
           channel.dispatchEvent(new Event('open'));
           control.send({ type: 'keyframe' });
           return channel.sent""",
    )
    assert sent == [
        {"type": "head_motion", "speed": 0.9},
        {"type": "pause", "paused": True},
        {"type": "keyframe"},
    ]
