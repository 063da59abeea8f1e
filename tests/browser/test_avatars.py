"""Named avatars on the page: consent, keeping, choosing, changing and deleting, by keyboard too."""

import json
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from server.consent import WORDS
from tests.browser.conftest import (
    CLIENT,
    ORIGIN,
    PORTRAITS,
    add_portrait,
    form_fields,
    serve_page,
)
from tests.browser.test_page import expect_notice, problem

pytestmark = pytest.mark.browser

ME = FilePayload(
    name="me.jpg",
    mimeType="image/jpeg",
    buffer=(CLIENT / "portraits" / "morisot.jpg").read_bytes(),
)
HAPPY = {"expression": "happy", "expression_strength": 0.8, "head_speed": 0.25}
PLAIN = {"expression": "neutral", "expression_strength": 0.5, "head_speed": 0.5}


@dataclass
class Shelf:
    """Keeps avatars as the server does; `asked` is what the page wanted of it."""

    kept: dict[str, dict[str, object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, bytes]] = field(default_factory=list)

    def __call__(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(f"{ORIGIN}/v1/avatars").partition("?")[0]
        name = path.removeprefix("/").partition("/")[0]
        self.asked.append(f"{request.method} {path}")
        if path.endswith("/still.jpg"):
            route.fulfill(body=ME["buffer"], content_type="image/jpeg")
        elif request.method == "GET":
            built_in = info("astronaut", PLAIN) | {"built_in": True}
            known = [info(*avatar) for avatar in self.kept.items()]
            route.fulfill(json=[built_in, *known])
        elif request.method == "DELETE":
            del self.kept[name]
            route.fulfill(status=204)
        elif request.method == "PATCH":
            self.kept[name] = json.loads(request.post_data or "")
            route.fulfill(json=info(name, self.kept[name]))
        elif name in self.kept and request.headers.get("if-none-match") == "*":
            problem(route, 412, "avatar-exists", f"there is an avatar {name!r} already")
        else:
            fields = form_fields(request)
            self.forms.append(fields)
            self.kept[name] = {key: json.loads(fields[key]) for key in list(HAPPY)[1:]}
            self.kept[name]["expression"] = fields["expression"].decode()
            route.fulfill(status=201, json=info(name, self.kept[name]))


def info(name: str, settings: dict[str, object]) -> dict[str, object]:
    url = f"/v1/avatars/{name}/still.jpg"
    return {"name": name, "built_in": False, "still_url": url, "settings": settings}


@pytest.fixture
def shelf(page: Page) -> Shelf:
    """Put a server's avatars behind the page, "ann" among them, and open it."""
    serve_page(page)
    shelf = Shelf({"ann": dict(HAPPY)})
    page.route("**/v1/avatars**", shelf)
    page.route("**/v1/avatars/**", shelf)
    uploaded = {"id": "0a1b2c", "image_url": "/v1/portraits/morisot/image"}
    page.route(
        "**/v1/portraits",
        lambda route: (
            route.fulfill(status=201, json=uploaded)
            if route.request.method == "POST"
            else route.fallback()
        ),
    )
    page.goto(ORIGIN)
    page.wait_for_selector("#start:enabled")
    return shelf


def tile(page: Page, title: str) -> None:
    page.locator(".tile", has=page.get_by_alt_text(title)).click()
    expect(page.locator("#still")).to_have_attribute("alt", title)


def test_nothing_is_sent_before_the_words_are_agreed_to(page: Page, shelf: Shelf) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page.set_input_files("#portrait-file", files=[ME])
    expect(page.locator("#consent")).to_be_visible()
    expect(page.locator("#consent-words")).to_have_text(WORDS)
    expect(page.locator("#consent-check")).to_be_focused()
    page.click("#consent .yes")
    expect(page.locator("#consent")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#consent")).to_be_hidden()
    page.set_input_files("#portrait-file", files=[ME])
    expect(page.locator("#consent-check")).not_to_be_checked()
    page.check("#consent-check")
    page.click("#consent-cancel")
    expect(page.locator("#consent")).to_be_hidden()
    assert [request for request in sent if request.startswith("POST")] == []
    expect(page.locator(".tile input[type=radio]")).to_have_count(len(PORTRAITS) + 1)


def test_a_picture_chosen_as_the_words_are_refused_is_asked_for_next(
    page: Page, shelf: Shelf
) -> None:
    page.set_input_files("#portrait-file", files=[ME])
    expect(page.locator("#consent")).to_be_visible()
    # Browsers tell of a closed dialog a task later: the next choice can come before.
    page.evaluate(
        """() => {
          const chosen = new DataTransfer();
          chosen.items.add(new File(["another"], "another.jpg", { type: "image/jpeg" }));
          const input = document.getElementById("portrait-file");
          document.getElementById("consent").close();
          input.files = chosen.files;
          input.dispatchEvent(new Event("change"));
        }"""
    )
    page.check("#consent-check")
    page.click("#consent .yes")
    expect(page.locator("#still")).to_have_attribute("alt", "another.jpg")


def test_the_words_are_needed_to_ask(page: Page, shelf: Shelf) -> None:
    page.route("**/v1/consent", lambda route: route.abort())
    page.set_input_files("#portrait-file", files=[ME])
    expect_notice(page, "The portraits did not load", "Check that Likeness is running")
    expect(page.locator("#consent")).to_be_hidden()


def test_an_upload_is_kept_with_the_settings_by_keyboard(page: Page, shelf: Shelf) -> None:
    expect(page.locator("#keep")).to_be_hidden()
    page.set_input_files("#portrait-file", files=[ME])
    expect(page.locator("#consent-check")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#still")).to_have_attribute("alt", "me.jpg")
    page.locator("input[value=happy]").check(force=True)
    page.locator("#strength").fill("0.8")
    page.locator("#head-speed").fill("0.25")
    page.focus("input[name=portrait]:checked")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "avatar-name":
            break
    expect(page.locator("#avatar-name")).to_be_focused()
    page.keyboard.type("me")
    page.keyboard.press("Enter")
    expect(page.locator("#avatar-said")).to_have_text("Kept as me, with these settings.")
    expect(page.locator("#still")).to_have_attribute("alt", "me")
    expect(page.locator("#keep")).to_be_hidden()
    expect(page.locator("#avatar-change")).to_be_focused()
    sent = shelf.forms[0]
    assert sent["image"] == ME["buffer"]
    assert sent["consent"] == WORDS.encode()
    assert shelf.kept["me"] == HAPPY
    expect(page.locator(".tile input[type=radio]")).to_have_count(len(PORTRAITS) + 2)


def test_a_name_that_is_taken_or_none_is_told(page: Page, shelf: Shelf) -> None:
    add_portrait(page, ME)
    page.fill("#avatar-name", "a b")
    page.click("#keep button")
    assert page.locator("#avatar-name").evaluate("input => input.validity.patternMismatch")
    page.fill("#avatar-name", "ann")
    page.click("#keep button")
    expect_notice(page, "This name is taken", "Choose another name")
    assert shelf.kept["ann"] == HAPPY
    page.fill("#avatar-name", "me")
    page.click("#keep button")
    expect(page.locator("#still")).to_have_attribute("alt", "me")


def test_choosing_an_avatar_brings_its_settings(page: Page, shelf: Shelf) -> None:
    expect(page.locator("#kept")).to_be_hidden()
    tile(page, "ann")
    expect(page.locator("#credit")).to_have_text("ann")
    expect(page.locator("input[value=happy]")).to_be_checked()
    expect(page.locator("#strength")).to_be_enabled()
    expect(page.locator("#strength")).to_have_value("0.8")
    expect(page.locator("#head-speed")).to_have_value("0.25")
    tile(page, "Astronaut")
    expect(page.locator("#kept")).to_be_hidden()
    expect(page.locator("input[value=happy]")).to_be_checked()


def test_changed_settings_are_kept(page: Page, shelf: Shelf) -> None:
    tile(page, "ann")
    page.locator("#strength").fill("0.3")
    page.click("#avatar-change")
    expect(page.locator("#avatar-said")).to_have_text("Settings kept.")
    assert shelf.kept["ann"] == HAPPY | {"expression_strength": 0.3}
    tile(page, "Astronaut")
    page.locator("#strength").fill("1")
    tile(page, "ann")
    expect(page.locator("#strength")).to_have_value("0.3")


def test_deleting_asks_once_more(page: Page, shelf: Shelf) -> None:
    tile(page, "ann")
    page.focus("#avatar-delete")
    page.keyboard.press("Enter")
    expect(page.locator("#avatar-delete")).to_have_text("Delete for good?")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#avatar-delete")).to_have_text("Delete")
    page.focus("#avatar-delete")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#avatar-said")).to_have_text("ann was deleted.")
    assert shelf.kept == {}
    assert "DELETE /ann" in shelf.asked
    expect(page.locator("#still")).to_have_attribute("alt", "Astronaut")
    expect(page.locator("input[name=portrait]:checked")).to_be_focused()
    expect(page.locator("#kept")).to_be_hidden()


def test_a_double_click_deletes_nothing_and_a_first_click_is_not_remembered(
    page: Page, shelf: Shelf
) -> None:
    tile(page, "ann")
    page.dblclick("#avatar-delete")
    expect(page.locator("#avatar-delete")).to_have_text("Delete for good?")
    expect(page.locator("#avatar-delete")).to_have_text("Delete", timeout=6_000)
    assert "ann" in shelf.kept


def hold(page: Page, method: str, path: str) -> list[Route]:
    """Keep the page's requests waiting."""
    held: list[Route] = []

    def answer(route: Route) -> None:
        if route.request.method == method:
            held.append(route)
        else:
            route.fallback()

    page.route(path, answer)
    return held


def test_keeping_that_ends_late_leaves_what_was_selected_meanwhile(
    page: Page, shelf: Shelf
) -> None:
    held = hold(page, "PUT", "**/v1/avatars/me")
    add_portrait(page, ME)
    page.fill("#avatar-name", "me")
    keep = page.locator("#keep button")
    with page.expect_request("**/v1/avatars/me"):
        keep.click()
    expect(page.locator("#avatar-said")).to_have_text("Keeping…")
    expect(keep).to_be_disabled()
    tile(page, "Astronaut")
    page.focus("input[value=astronaut]")
    held[0].fallback()
    expect(page.locator(".tile", has=page.get_by_alt_text("me"))).to_have_count(1)
    expect(page.locator("#avatar-said")).to_have_text("Kept as me, with these settings.")
    expect(page.locator("#still")).to_have_attribute("alt", "Astronaut")
    expect(page.locator("input[value=astronaut]")).to_be_focused()
    expect(page.locator("#avatar-change")).to_be_enabled()


def test_deleting_that_ends_late_leaves_what_was_selected_meanwhile(
    page: Page, shelf: Shelf
) -> None:
    held = hold(page, "DELETE", "**/v1/avatars/ann")
    tile(page, "ann")
    page.click("#avatar-delete")
    with page.expect_request("**/v1/avatars/ann"):
        page.click("#avatar-delete")
    expect(page.locator("#avatar-said")).to_have_text("Deleting…")
    expect(page.locator("#avatar-delete")).to_be_disabled()
    tile(page, "Self-Portrait, 1885")
    held[0].fallback()
    expect(page.locator("#avatar-said")).to_have_text("ann was deleted.")
    expect(page.locator("#still")).to_have_attribute("alt", "Self-Portrait, 1885")


def test_a_picture_that_is_sent_is_told(page: Page, shelf: Shelf) -> None:
    held = hold(page, "POST", "**/v1/portraits")
    said = page.get_by_role("status").and_(page.locator("#gallery-said"))
    with page.expect_request("**/v1/portraits"):
        add_portrait(page, ME)
    expect(said).to_have_text("Sending the picture…")
    held[0].fallback()
    expect(page.locator("#still")).to_have_attribute("alt", "me.jpg")
    expect(said).to_be_empty()


@pytest.mark.parametrize(
    ("status", "code", "title", "text"),
    [
        (503, "portraits-busy", "Portraits are being prepared", "has others to prepare"),
        (500, "", "The server had a problem", "By the test."),
        (502, "", "The server does not answer", "that Likeness is running"),
    ],
)
def test_a_server_that_fails_does_not_blame_the_picture(
    page: Page, shelf: Shelf, status: int, code: str, title: str, text: str
) -> None:
    page.route(
        "**/v1/portraits",
        lambda route: (
            problem(route, status, code, "by the test")
            if route.request.method == "POST"
            else route.fallback()
        ),
    )
    add_portrait(page, ME)
    expect_notice(page, title, text)


# A picture of what was copied comes with the text of it.
_PASTE = """([selector, kinds]) => {
  const clipboard = new DataTransfer();
  clipboard.items.add(new File(["a picture"], "copied.png", { type: "image/png" }));
  for (const kind of kinds) clipboard.setData(kind, "copied");
  document.querySelector(selector).dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: clipboard, bubbles: true }),
  );
}"""


@pytest.mark.parametrize(
    ("selector", "kinds", "asks"),
    [
        ("body", [], True),
        ("input[name=portrait]", ["text/plain"], True),
        ("body", ["text/plain", "text/html"], False),
        ("#avatar-name", [], False),
    ],
)
def test_a_pasted_text_is_no_portrait(
    page: Page, shelf: Shelf, selector: str, kinds: list[str], *, asks: bool
) -> None:
    page.evaluate(_PASTE, [selector, kinds])
    if asks:
        expect(page.locator("#consent")).to_be_visible()
    else:
        page.wait_for_timeout(300)
        expect(page.locator("#consent")).to_be_hidden()


def test_what_is_selected_shows_where_the_system_chooses_the_colours(
    page: Page, shelf: Shelf
) -> None:
    page.emulate_media(forced_colors="active")
    for selected in (".tile:has(:checked)", ".face:has(:checked)"):
        expect(page.locator(selected)).to_have_css("outline-style", "solid")
    expect(page.locator(".face:not(:has(:checked))").first).to_have_css("outline-style", "none")


def test_a_key_that_may_not_change_avatars_is_told(page: Page, shelf: Shelf) -> None:
    page.route(
        "**/v1/avatars/ann",
        lambda route: problem(route, 403, "insufficient-scope", "it has not the scope admin"),
    )
    tile(page, "ann")
    page.click("#avatar-change")
    expect_notice(page, "This key does not allow that", "has not the scope admin")


def test_avatars_that_cannot_be_listed_leave_the_portraits(page: Page) -> None:
    serve_page(page)
    page.route("**/v1/avatars", lambda route: problem(route, 500, "avatars-unusable", ""))
    page.goto(ORIGIN)
    page.wait_for_selector("#start:enabled")
    expect_notice(page, "The portraits did not load", "Check that Likeness is running")
    expect(page.locator(".tile input[type=radio]")).to_have_count(len(PORTRAITS))
