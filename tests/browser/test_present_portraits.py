"""The presenter's page and its portraits: uploads, those that are kept, and the keyboard."""

import pytest
from playwright.sync_api import Page, Route, expect

from server.consent import WORDS
from tests.browser.conftest import ORIGIN, add_portrait, form_fields
from tests.browser.test_avatars import HAPPY, ME, info
from tests.browser.test_present import Server, open_page

pytestmark = pytest.mark.browser


@pytest.fixture
def server(page: Page) -> Server:
    """A server that keeps the avatar "ann", and takes portraits."""
    server = Server(page)
    page.route("**/v1/avatars", lambda route: route.fulfill(json=[info("ann", dict(HAPPY))]))
    uploaded = {"id": "0a1b2c", "image_url": "/v1/portraits/morisot/image"}
    page.route(
        "**/v1/portraits",
        lambda route: (
            route.fulfill(status=201, json=uploaded)
            if route.request.method == "POST"
            else route.fallback()
        ),
    )
    for name in ("ann", "me"):
        page.route(
            f"**/v1/avatars/{name}/still.jpg",
            lambda route: route.fulfill(body=ME["buffer"], content_type="image/jpeg"),
        )
    return server


def test_an_upload_is_asked_for_nothing_before_it_is_kept_and_speaks_then(
    page: Page, server: Server
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(ORIGIN)))
    open_page(page)
    page.fill("#text", "Hello.")
    add_portrait(page, ME)
    expect(page.locator("#still")).to_have_attribute("alt", "me.jpg")
    expect(page.locator("#status")).to_contain_text("press Keep")
    expect(page.locator("#say")).to_be_disabled()
    page.focus("#text")
    page.keyboard.press("Control+Enter")
    page.click("#say", force=True)
    page.fill("#avatar-name", "me")
    kept: list[dict[str, bytes]] = []

    def keep(route: Route) -> None:
        kept.append(form_fields(route.request))
        route.fulfill(status=201, json=info("me", {}))

    page.route("**/v1/avatars/me", keep)
    page.keyboard.press("Enter")
    expect(page.locator("#avatar-said")).to_have_text("Kept as me.")
    assert [path for path in asked if "0a1b2c" in path] == []
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("input[name=portrait]:checked")).to_be_focused()
    assert kept[0] == {"consent": WORDS.encode(), "image": ME["buffer"]}
    page.click("#say")
    expect(page.locator("#text")).to_have_value("")
    assert ("POST", "me/say", {"text": "Hello."}) in server.asked


def test_a_new_key_asks_for_nothing_of_an_upload(page: Page, server: Server) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(ORIGIN)))
    open_page(page)
    add_portrait(page, ME)
    expect(page.locator("#still")).to_have_attribute("alt", "me.jpg")
    with page.expect_response("**/v1/portraits"):
        page.evaluate("location.hash = 'key=lk_a_b'")
    expect(page.locator("#still")).to_have_attribute("alt", "me.jpg")
    assert [path for path in asked if "0a1b2c" in path] == []


def test_settings_that_are_not_on_this_page_are_left_alone(page: Page, server: Server) -> None:
    open_page(page)
    page.locator(".tile", has=page.get_by_alt_text("ann")).click()
    expect(page.locator("#avatar-delete")).to_be_visible()
    expect(page.locator("#avatar-change")).to_be_hidden()


def test_enter_on_a_portrait_says_nothing(page: Page, server: Server) -> None:
    open_page(page)
    page.fill("#text", "Only a draft.")
    page.focus("input[name=portrait]:checked")
    page.keyboard.press("Enter")
    page.fill("#text", "This.")
    page.focus("#say")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_value("")
    said = [content for method, _, content in server.asked if method == "POST"]
    assert said == [{"text": "This."}]
