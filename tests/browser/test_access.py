"""The page and its key: from the address, from the field, on every request, and no longer."""

import json
import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.conftest import ORIGIN, add_portrait, serve_page
from tests.browser.test_page import expect_notice, problem

pytestmark = pytest.mark.browser

KEY = "lk_0a1b2c3d_" + "5" * 64
_BEARER = {"WWW-Authenticate": 'Bearer realm="likeness"'}


@dataclass
class Guard:
    """Lets requests with ``key`` through to the page's stand-in server; keeps what all carried."""

    key: str = KEY
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def __call__(self, route: Route) -> None:
        sent = route.request.headers.get("authorization")
        path = route.request.url.removeprefix(ORIGIN).partition("?")[0]
        self.seen.append((f"{route.request.method} {path}", sent))
        if sent == f"Bearer {self.key}":
            route.fallback()
        elif sent is None:
            problem(route, 401, "key-required", "found no key", **_BEARER)
        else:
            problem(route, 401, "invalid-key", "this key is not known here", **_BEARER)


@pytest.fixture
def guard(page: Page) -> Guard:
    """Put a guard before everything but the page's own files."""
    serve_page(page)
    guard = Guard()
    page.route("**/v1/**", guard)
    return guard


def stored(page: Page) -> str | None:
    key: str | None = page.evaluate("sessionStorage.getItem('likeness-key')")
    return key


def enter(page: Page, key: str) -> None:
    """Type a key into the field, which has the focus already, as someone without a mouse does."""
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type(key)
    page.keyboard.press("Enter")


def test_a_key_in_the_address_is_used_and_taken_out_of_it(page: Page, guard: Guard) -> None:
    page.goto(f"{ORIGIN}/?a=1#key={KEY}")
    page.wait_for_selector("#start:enabled")
    expect(page.locator("#still")).to_be_visible()
    assert page.url == f"{ORIGIN}/?a=1"
    assert stored(page) == KEY
    assert {sent for _, sent in guard.seen} == {f"Bearer {KEY}"}
    pictures = [asked for asked, _ in guard.seen if asked.endswith("/image")]
    assert len(pictures) == len(set(pictures)), "each picture is fetched once"
    expect(page.locator("#still")).to_have_attribute("src", re.compile("^blob:"))
    expect(page.locator("#key-form")).to_be_hidden()
    page.reload()
    page.wait_for_selector("#start:enabled")


def test_the_field_appears_when_the_server_asks(page: Page, guard: Guard) -> None:
    page.goto(ORIGIN)
    expect_notice(page, "This server asks for a key", "below the portrait")
    expect(page.locator("#status")).to_have_text("Enter your key.")
    assert page.locator("#key").get_attribute("type") == "password"
    enter(page, f" {KEY} ")
    page.wait_for_selector("#start:enabled")
    expect(page.locator("#key-form")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("Press Start, and speak.")
    expect(page.locator("#start")).to_be_focused()
    assert page.locator("#key").input_value() == ""
    assert guard.seen[0] == ("GET /v1/portraits", None)


def test_a_wrong_key_is_told_and_forgotten(page: Page, guard: Guard) -> None:
    page.goto(ORIGIN)
    enter(page, "lk_wrong")
    expect_notice(page, "This key opens nothing here", "This key is not known here.")
    assert stored(page) is None
    enter(page, KEY)
    page.wait_for_selector("#start:enabled")
    assert guard.seen[1] == ("GET /v1/portraits", "Bearer lk_wrong")


def test_what_cannot_be_a_key_is_not_sent(page: Page, guard: Guard) -> None:
    page.goto(ORIGIN)
    enter(page, "schlüssel")
    assert "A key is one word" in page.locator("#key").evaluate("input => input.validationMessage")
    page.locator("#key").fill(KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#start:enabled")
    assert [sent for _, sent in guard.seen[:2]] == [None, f"Bearer {KEY}"]


def test_a_key_is_put_into_the_address_of_an_open_page(page: Page, guard: Guard) -> None:
    page.goto(ORIGIN)
    expect(page.locator("#key-form")).to_be_visible()
    page.evaluate("key => { location.hash = `key=${key}` }", KEY)
    page.wait_for_selector("#start:enabled")
    assert page.url == f"{ORIGIN}/"
    assert guard.seen[-1][1] == f"Bearer {KEY}"


def test_the_call_carries_the_key_and_is_refused_when_it_is_gone(page: Page, guard: Guard) -> None:
    page.goto(f"{ORIGIN}#key={KEY}")
    page.wait_for_selector("#start:enabled")
    # The pictures of the tiles are asked for with the key, too.
    page.wait_for_function(
        "[...document.querySelectorAll('.tile img')].every(i => i.src.startsWith('blob:'))"
    )
    guard.key = "another"
    page.click("#start")
    expect_notice(page, "This key opens nothing here", "This key is not known here.")
    expect(page.locator("body")).to_have_attribute("data-call", "idle")
    assert guard.seen[-1] == ("POST /v1/calls", f"Bearer {KEY}")
    expect(page.locator("#key")).to_be_focused()


@pytest.mark.parametrize(
    ("code", "title", "detail"),
    [
        ("insufficient-scope", "This key does not allow that", "has not the scope publish"),
        ("no-keys", "This server serves only its own machine", "make one with `likeness keys add`"),
    ],
)
def test_403_is_told_in_words_and_asks_for_no_key(
    served_page: Page, code: str, title: str, detail: str
) -> None:
    served_page.route("**/v1/calls*", lambda route: problem(route, 403, code, f"see: {detail}"))
    served_page.click("#start")
    expect_notice(served_page, title, detail)
    expect(served_page.locator("#key-form")).to_be_hidden()
    expect(served_page.locator("body")).to_have_attribute("data-call", "idle")


def test_another_key_takes_the_place_of_one_that_allows_too_little(
    page: Page, guard: Guard
) -> None:
    narrow = f"Bearer {KEY}"
    page.goto(f"{ORIGIN}/#key={KEY}")
    page.wait_for_selector("#start:enabled")
    detail = "it has not the scope publish"
    page.route("**/v1/calls*", lambda route: problem(route, 403, "insufficient-scope", detail))
    page.click("#start")
    expect_notice(page, "This key does not allow that", "It has not the scope publish. Who runs")
    page.get_by_role("button", name="Use another key").click()
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("Enter your key.")
    guard.key = "lk_wide"
    enter(page, "lk_wide")
    expect(page.locator("#start")).to_be_focused()
    assert stored(page) == "lk_wide"
    assert {sent for _, sent in guard.seen} == {narrow, "Bearer lk_wide"}


def test_429_waits_as_long_as_it_is_told(served_page: Page) -> None:
    served_page.route(
        "**/v1/calls*",
        lambda route: problem(route, 429, "too-many-requests", "", **{"Retry-After": "600"}),
    )
    served_page.click("#start")
    expect_notice(served_page, "Too many requests", "only so often")
    expect(served_page.locator("#notice-wait")).to_contain_text("Trying again in 600 s")


def test_without_a_key_nothing_is_sent_or_kept(served_page: Page) -> None:
    served_page.route(
        "**/v1/portraits",
        lambda route: route.fulfill(
            status=201,
            body=json.dumps({"id": "0", "image_url": "/v1/portraits/astronaut/image"}),
            content_type="application/json",
        ),
    )
    file = FilePayload(name="me.jpg", mimeType="image/jpeg", buffer=b"not looked at")
    with served_page.expect_request("**/v1/portraits") as sent:
        add_portrait(served_page, file)
    assert "authorization" not in sent.value.headers
    assert stored(served_page) is None
