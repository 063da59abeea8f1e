"""The presenter's page: what it asks of the server, and what it makes of the events."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from tests.browser.conftest import ORIGIN, serve_page
from tests.browser.test_modules import run
from tests.browser.test_page import expect_notice, problem

pytestmark = pytest.mark.browser

SENTENCES = [
    {"id": "a", "text": "One.", "state": "speaking"},
    {"id": "b", "text": None, "state": "ready"},
]


class Server:
    """Answers as the server does; `asked` holds (method, path, content)."""

    def __init__(self, page: Page) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.told: list[tuple[str, Any]] = [("queue", {"paused": False, "sentences": []})]
        self.refusal: tuple[int, str, str] | None = None
        serve_page(page)
        page.route(f"{ORIGIN}/v1/avatars/**", self._answer)
        page.route(f"{ORIGIN}/whep/**", lambda route: problem(route, 409, "not-live", ""))

    def _answer(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(f"{ORIGIN}/v1/avatars/")
        if path.endswith("/events"):
            text = "".join(f"event: {k}\ndata: {json.dumps(d)}\n\n" for k, d in self.told)
            route.fulfill(body=text, content_type="text/event-stream")
            return
        self.asked.append((request.method, path, request.post_data_json))
        if request.method == "GET":
            problem(route, 409, "not-live", "")
        elif self.refusal is not None and path.endswith("say"):
            problem(route, *self.refusal)
        else:
            route.fulfill(status=200, body="{}", content_type="application/json")


@pytest.fixture
def server(page: Page) -> Server:
    return Server(page)


def open_page(page: Page) -> None:
    page.goto(f"{ORIGIN}/present.html")
    expect(page.locator("#still")).to_have_attribute("alt", "Astronaut")


def test_a_text_is_said_by_the_chosen_portrait_and_leaves_the_field(
    page: Page, server: Server
) -> None:
    open_page(page)
    expect(page.locator("#say")).to_be_disabled()
    page.locator(".tile", has=page.get_by_alt_text("Self-Portrait")).click()
    page.fill("#text", " Hello. And more. ")
    page.click("#say")
    expect(page.locator("#text")).to_have_value("")
    assert [asked for asked in server.asked if asked[0] != "GET"] == [
        ("PUT", "morisot/live", None),
        ("POST", "morisot/say", {"text": "Hello. And more."}),
    ]


def test_who_chooses_another_portrait_meanwhile_does_not_let_the_first_speak(
    page: Page, server: Server
) -> None:
    waking: list[Route] = []
    watched: list[str] = []
    page.route(
        "**/v1/avatars/astronaut/live",
        lambda route: waking.append(route) if route.request.method == "PUT" else route.fallback(),
    )
    page.on("request", lambda sent: watched.append(sent.url) if "/whep/" in sent.url else None)
    open_page(page)
    page.fill("#text", "Hello.")
    with page.expect_request(lambda request: request.method == "PUT"):
        page.click("#say")
    page.locator(".tile", has=page.get_by_alt_text("Self-Portrait")).click()
    expect(page.locator("#still")).to_have_attribute("alt", re.compile("Self-Portrait"))
    waking[0].fulfill(status=200, body="{}", content_type="application/json")
    expect(page.locator("#say")).to_be_enabled()
    expect(page.locator("#text")).to_have_value("Hello.")
    assert watched == []
    assert [asked for asked in server.asked if asked[0] == "POST"] == []


def test_a_picture_that_cannot_be_loaded_is_told_and_the_live_avatar_watched(
    page: Page, server: Server
) -> None:
    page.route("**/v1/portraits/morisot/image", lambda route: route.abort())
    page.route("**/v1/avatars/morisot/live", lambda route: route.fulfill(json={}))
    open_page(page)
    with page.expect_request("**/whep/morisot", timeout=5_000):
        page.locator(".tile", has=page.get_by_alt_text("Self-Portrait")).click()
    expect_notice(page, "The portraits did not load", "Check that Likeness is running")


def test_the_keyboard_says_pauses_and_stops(page: Page, server: Server) -> None:
    server.told = [("queue", {"paused": False, "sentences": SENTENCES})]
    open_page(page)
    page.focus("#text")
    page.keyboard.type("Hello.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#text")).to_have_value("")
    for button, asked in (("pause", "**/astronaut/say/pause"), ("stop", "**/astronaut/say")):
        expect(page.locator(f"#{button}")).to_be_enabled()
        page.focus(f"#{button}")
        # Not a notice that stays hidden: it is so before the request has left, too.
        with page.expect_response(asked):
            page.keyboard.press("Enter")
        expect(page.locator("#notice")).to_be_hidden()
    assert ("POST", "astronaut/say", {"text": "Hello."}) in server.asked
    assert ("PUT", "astronaut/say/pause", {"paused": True}) in server.asked
    assert ("DELETE", "astronaut/say", None) in server.asked


def test_buttons_keep_the_focus_while_they_can_do_nothing(page: Page, server: Server) -> None:
    open_page(page)
    page.fill("#text", "Hello.")
    page.focus("#say")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("#say")).to_be_disabled()
    expect(page.locator("#say")).to_be_focused()
    server.asked.clear()
    for button in ("say", "pause", "stop"):
        page.focus(f"#{button}")
        page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert server.asked == []


def test_the_sentence_that_is_heard_is_marked(page: Page, server: Server) -> None:
    server.told = [("queue", {"paused": False, "sentences": SENTENCES})]
    open_page(page)
    expect(page.locator("#queue li")).to_have_text(["One.", "A recording"])
    expect(page.locator("#queue [aria-current=true]")).to_have_text("One.")
    expect(page.locator("#status")).to_have_text("Speaking.")
    expect(page.locator("#stop")).to_be_enabled()


def test_events_change_the_queue(page: Page, server: Server) -> None:
    server.told = [
        ("queue", {"paused": False, "sentences": SENTENCES}),
        ("queued", {"id": "c", "text": "Three."}),
        ("ended", {"id": "a", "position_ms": 100, "interrupted": False}),
        ("failed", {"id": "b", "code": "speech-failed", "detail": "no such model"}),
        ("started", {"id": "c", "text": "Three."}),
        ("paused", {"paused": True}),
    ]
    open_page(page)
    expect(page.locator("#queue li")).to_have_text(["Three."])
    expect(page.locator("#queue [aria-current=true]")).to_have_text("Three.")
    expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#status")).to_have_text("Paused in mid-sentence.")
    expect_notice(page, "The voice failed", "No such model.")


@pytest.mark.parametrize(
    ("refusal", "title", "text"),
    [
        ((422, "text-too-long", "found 9 characters"), "This was not said", "Found 9 characters."),
        ((409, "voice-taken", ""), "The portrait speaks for somebody else", "they have ended"),
        ((502, "speech-failed", "it answered 404"), "The voice failed", "It answered 404."),
        ((503, "server-full", ""), "Every place is taken", "full"),
    ],
)
def test_a_refused_text_stays_in_the_field(
    page: Page, server: Server, refusal: tuple[int, str, str], title: str, text: str
) -> None:
    server.refusal = refusal
    open_page(page)
    page.fill("#text", "Hello.")
    page.click("#say")
    expect_notice(page, title, text)
    expect(page.locator("#text")).to_have_value("Hello.")
    expect(page.locator("#say")).to_be_enabled()


def test_a_key_is_asked_for_and_sent(page: Page, server: Server) -> None:
    keys: list[str | None] = []

    def guard(route: Route) -> None:
        keys.append(route.request.headers.get("authorization"))
        if keys[-1] is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="likeness"'}
            problem(route, 401, "key-required", "", **challenge)
        else:
            route.fallback()

    page.route(f"{ORIGIN}/v1/**", guard)
    page.goto(f"{ORIGIN}/present.html")
    page.fill("#key", "lk_a_b")
    page.keyboard.press("Enter")
    expect(page.locator("#still")).to_have_attribute("alt", "Astronaut")
    expect(page.locator("#say")).to_be_focused()
    assert keys[-1] == "Bearer lk_a_b"


def test_every_control_has_a_name_and_is_reached(page: Page, server: Server) -> None:
    server.told = [("queue", {"paused": False, "sentences": SENTENCES})]
    open_page(page)
    page.fill("#text", "Hello.")
    tree = page.locator("body").aria_snapshot()
    unnamed = re.findall(r"- (?:button|radio|textbox|list)(?: \[[^\]]*\])*:?$", tree, re.M)
    assert unnamed == []
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {"pause", "say", "speak", "stop", "sound", "portrait", "text", "queue"} <= reached


def test_a_phone_shows_portrait_and_say_without_scrolling(browser: Browser) -> None:
    phone = ViewportSize(width=390, height=844)
    with browser.new_context(viewport=phone, is_mobile=True, has_touch=True) as context:
        page = context.new_page()
        Server(page)
        open_page(page)
        for selector in ("#frame", "#say"):
            expect(page.locator(selector)).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]


def test_the_pages_lead_to_each_other(page: Page, server: Server) -> None:
    open_page(page)
    page.click("text=Speak in private")
    page.click("text=Present a text")
    expect(page).to_have_title("Likeness: present a text")


def test_events_that_come_in_pieces_are_put_together(page: Page, server: Server) -> None:
    open_page(page)
    text = ': beat\n\nevent: a\ndata: {"x": "1: 2"}\n\nevent: b\ndata: []\n\n'
    found = run(
        page,
        "const parser = new (await load('event_stream')).EventParser();"
        "return [...argument].flatMap((character) => parser.push(character));",
        text,
    )
    assert found == [{"kind": "a", "data": {"x": "1: 2"}}, {"kind": "b", "data": []}]


# A server whose first answers say something and then nothing, or go on beating.
_LISTEN = """
const { EventStream } = await load('event_stream');
const { Backoff } = await load('backoff');
const beat_ms = argument;
let asked = 0;
const api = {
  async fetch(url, { signal }) {
    asked += 1;
    const body = new ReadableStream({
      start(controller) {
        const beat = () => controller.enqueue(new TextEncoder().encode(': beat\\n\\n'));
        beat();
        const beating = beat_ms && setInterval(beat, beat_ms);
        signal.addEventListener('abort', () => {
          clearInterval(beating);
          controller.error(signal.reason);
        });
      },
    });
    return new Response(body);
  },
};
const callbacks = { onEvent() {}, onError() {} };
const stream = new EventStream(api, callbacks, new Backoff({ first_ms: 1 }), 300);
const ended = stream.listen('/events');
await new Promise((resolve) => setTimeout(resolve, 1500));
stream.close();
await ended;
return asked;
"""


def test_a_stream_that_is_silent_for_too_long_is_opened_again(page: Page, server: Server) -> None:
    open_page(page)
    assert run(page, _LISTEN, None) > 2
    assert run(page, _LISTEN, 20) == 1
