"""The overlay's page without a server: its address, its key, and what it says when it is empty."""

import json

import pytest
from playwright.sync_api import ConsoleMessage, Page, Route, expect

from tests.browser.conftest import CLIENT, ORIGIN, serve_page
from tests.browser.test_modules import run

pytestmark = pytest.mark.browser

# Instead of the module that watches a server: a picture of somebody, twice as high as wide.
_SOMEBODY = """
export class OverlayWatch {
  constructor(endpoint, api, { onStream }) {
    this.onStream = onStream;
  }
  start() {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 128 });
    const pen = canvas.getContext("2d");
    setInterval(() => window.isFrozen || pen.fillRect(0, 0, 64, 128), 40);
    this.onStream(canvas.captureStream());
  }
}
"""
# Until the page is loaded again.
_NO_CONNECTIONS = """
if (performance.getEntriesByType("navigation")[0].type !== "reload") {
  window.RTCPeerConnection = class {
    constructor() {
      throw new DOMException("Cannot create so many PeerConnections", "UnknownError");
    }
  };
}
"""
OPTIONS = """
const { readOptions } = await load('overlay_options');
const complaints = [];
const options = readOptions(`http://here.example/overlay/${argument}`, (c) => complaints.push(c));
return { ...options, complaints };
"""


@pytest.mark.parametrize(
    ("query", "background"),
    [
        ("a", {"kind": "transparent"}),
        ("a?background=chroma", {"kind": "color", "color": "#00ff00"}),
        ("a?background=%23a1b2c3", {"kind": "color", "color": "#a1b2c3"}),
        ("a?background=a1b2c3", {"kind": "color", "color": "#a1b2c3"}),
        ("a?background=blur", {"kind": "blur"}),
        ("a?background=/p/x.jpg", {"kind": "picture", "url": "http://here.example/p/x.jpg"}),
    ],
)
def test_the_address_names_the_background(
    idle_page: Page, query: str, background: dict[str, str]
) -> None:
    options = run(idle_page, OPTIONS, query)
    assert options["background"] == background
    assert options["complaints"] == []


@pytest.mark.parametrize(
    "query", ["a?background=http://there.example/x.jpg", "a?background=pink", "a?size=huge"]
)
def test_what_the_address_cannot_mean_is_told_and_left(idle_page: Page, query: str) -> None:
    options = run(idle_page, OPTIONS, query)
    assert options["background"] == {"kind": "transparent"}
    assert options["size_px"] is None
    (complaint,) = options["complaints"]
    assert "expected" in complaint


def test_the_address_names_avatar_size_and_silence(idle_page: Page) -> None:
    options = run(idle_page, OPTIONS, "two%20words?size=480&muted")
    assert (options["avatar"], options["size_px"], options["muted"]) == ("two words", 480, True)
    assert run(idle_page, OPTIONS, "a?muted=0")["muted"] is False


def serve_overlay(page: Page) -> None:
    serve_page(page)
    html = (CLIENT / "overlay.html").read_bytes()
    page.route(f"{ORIGIN}/overlay/*", lambda r: r.fulfill(body=html, content_type="text/html"))


def test_a_face_that_freezes_is_hidden_until_it_moves(page: Page) -> None:
    serve_overlay(page)
    page.route(
        "**/overlay_watch.js",
        lambda route: route.fulfill(body=_SOMEBODY, content_type="text/javascript"),
    )
    page.goto(f"{ORIGIN}/overlay/ann")
    page.wait_for_selector("body[data-shown=true]", timeout=10_000)
    page.evaluate("window.isFrozen = true")
    page.wait_for_selector("body[data-shown=false]", timeout=10_000)
    page.evaluate("window.isFrozen = false")
    page.wait_for_selector("body[data-shown=true]", timeout=10_000)


def test_a_browser_that_makes_no_more_connections_loads_the_page_again(page: Page) -> None:
    serve_overlay(page)
    page.add_init_script(_NO_CONNECTIONS)
    with page.expect_request("**/whep/ann*", timeout=20_000) as asked:
        page.goto(f"{ORIGIN}/overlay/ann?muted#key=lk_one")
    assert asked.value.headers["authorization"] == "Bearer lk_one"
    assert page.url == f"{ORIGIN}/overlay/ann?muted"


def test_the_background_to_blur_is_had_of_avatars_that_are_kept(
    page: Page, portrait: bytes
) -> None:
    serve_overlay(page)
    page.route(
        "**/overlay_watch.js",
        lambda route: route.fulfill(body=_SOMEBODY, content_type="text/javascript"),
    )
    keys: list[str | None] = []

    def still(route: Route) -> None:
        keys.append(route.request.headers.get("authorization"))
        route.fulfill(body=portrait, content_type="image/jpeg")

    page.route("**/v1/avatars/ann/still.jpg", still)
    page.goto(f"{ORIGIN}/overlay/ann?background=blur#key=lk_one")
    page.wait_for_selector("#backdrop:not([hidden])", timeout=10_000)
    assert keys == ["Bearer lk_one"]


def test_it_asks_again_with_its_key_whatever_it_is_told(page: Page) -> None:
    serve_overlay(page)
    keys: list[str | None] = []
    answers = iter((("invalid-key", 401), ("unknown-portrait", 404), ("not-live", 409)))

    def refuse(route: Route) -> None:
        keys.append(route.request.headers.get("authorization"))
        assert route.request.url.endswith("/whep/astronaut?alpha=packed")
        code, status = next(answers, ("starting", 503))
        route.fulfill(
            status=status,
            body=json.dumps({"type": f"urn:likeness:problem:{code}", "detail": code}),
            content_type="application/problem+json",
            headers={"WWW-Authenticate": "Bearer", "Retry-After": "0"},
        )

    page.route(f"{ORIGIN}/whep/**", refuse)
    with page.expect_console_message(lambda message: "waits: starting" in message.text):
        page.goto(f"{ORIGIN}/overlay/astronaut#key=lk_one")
    assert keys[:4] == ["Bearer lk_one"] * 4
    assert "lk_one" not in page.url


def refuse(route: Route, status: int, code: str, detail: str) -> None:
    route.fulfill(
        status=status,
        body=json.dumps({"type": f"urn:likeness:problem:{code}", "detail": detail}),
        content_type="application/problem+json",
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, "unknown-avatar", "error"), (409, "not-live", "warning")]
)
def test_obs_logs_why_it_is_empty_unless_the_avatar_is_at_rest(
    page: Page, status: int, code: str, kind: str
) -> None:
    """OBS logs errors, and nothing less."""
    serve_overlay(page)
    page.route(f"{ORIGIN}/whep/**", lambda route: refuse(route, status, code, f"it is {code}"))

    def is_told(message: ConsoleMessage) -> bool:
        return f"the overlay waits: it is {code}" in message.text

    with page.expect_console_message(is_told) as told:
        page.goto(f"{ORIGIN}/overlay/ann")
    assert told.value.type == kind
    expect(page.locator("#reason")).to_be_hidden()


def test_an_address_that_cannot_be_meant_is_an_error_to_obs(page: Page) -> None:
    serve_overlay(page)
    with page.expect_console_message(lambda message: "background=pink" in message.text) as told:
        page.goto(f"{ORIGIN}/overlay/ann?background=pink")
    assert told.value.type == "error"


def test_who_looks_for_the_reason_reads_it_on_the_page(page: Page) -> None:
    serve_overlay(page)
    page.route(f"{ORIGIN}/whep/**", lambda route: refuse(route, 409, "not-live", "ann is at rest"))
    page.goto(f"{ORIGIN}/overlay/ann?debug&size=huge")
    reason = page.locator("#reason")
    expect(reason).to_contain_text("ann is at rest")
    expect(reason).to_contain_text("size=huge")
    expect(reason).to_be_in_viewport(ratio=1)


def test_a_reason_that_has_passed_is_not_shown(page: Page) -> None:
    serve_overlay(page)
    page.route(
        "**/overlay_watch.js",
        lambda route: route.fulfill(
            content_type="text/javascript",
            body="""export class OverlayWatch {
              constructor(endpoint, api, callbacks) { window.callbacks = callbacks; }
              start() {}
            }""",
        ),
    )
    page.goto(f"{ORIGIN}/overlay/ann?debug")
    page.evaluate("callbacks.onLost(new Error('by the test'))")
    expect(page.locator("#reason")).to_contain_text("by the test")
    page.evaluate("callbacks.onConnected()")
    expect(page.locator("#reason")).to_be_hidden()


# What Chromium 103, of OBS 30.0, has not.
_OLD_BROWSER = """
delete URL.canParse;
delete Array.prototype.toSorted;
delete HTMLVideoElement.prototype.requestVideoFrameCallback;
"""


def test_it_works_in_the_browser_of_an_old_obs(page: Page, portrait: bytes) -> None:
    serve_overlay(page)
    page.add_init_script(_OLD_BROWSER)
    page.route(
        "**/overlay_watch.js",
        lambda route: route.fulfill(body=_SOMEBODY, content_type="text/javascript"),
    )
    page.route("**/p/x.jpg", lambda route: route.fulfill(body=portrait, content_type="image/jpeg"))
    page.goto(f"{ORIGIN}/overlay/ann?background=%2Fp%2Fx.jpg")
    page.wait_for_selector("body[data-shown=true]", timeout=10_000)
    background = page.evaluate("document.body.style.backgroundImage")
    assert background == f'url("{ORIGIN}/p/x.jpg")'
    page.evaluate("window.isFrozen = true")
    page.wait_for_selector("body[data-shown=false]", timeout=10_000)
