"""What the page says and does when there is no call: portraits, refusals, keyboard, phone."""

import json
import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, ViewportSize, expect

from server.consent import WORDS
from tests.browser.conftest import ORIGIN, PORTRAITS, add_portrait, form_fields, serve_page

pytestmark = pytest.mark.browser


def problem(route: Route, status: int, code: str, detail: str, **headers: str) -> None:
    """Answer as server/problems.py does."""
    route.fulfill(
        status=status,
        headers={"Content-Type": "application/problem+json", **headers},
        body=json.dumps({"type": f"urn:likeness:problem:{code}", "detail": detail}),
    )


def expect_notice(page: Page, title: str, text: str) -> None:
    expect(page.locator("#notice-title")).to_have_text(title)
    expect(page.locator("#notice-text")).to_contain_text(text)
    expect(page.locator("#notice")).to_be_visible()


def fail_microphone(page: Page, name: str) -> None:
    page.evaluate(
        """(name) => {
             navigator.mediaDevices.getUserMedia = () =>
               Promise.reject(new DOMException("refused by the test", name));
           }""",
        name,
    )


def test_shows_the_first_portrait_still_at_once(served_page: Page) -> None:
    expect(served_page.locator("#still")).to_be_visible()
    expect(served_page.locator("#still")).to_have_attribute("alt", "Astronaut")
    natural = served_page.evaluate("document.getElementById('still').naturalWidth")
    assert natural == 512
    expect(served_page.locator(".tile input[type=radio]")).to_have_count(len(PORTRAITS))


def test_choosing_another_portrait_shows_it_and_credits_its_maker(served_page: Page) -> None:
    served_page.locator(".tile", has=served_page.get_by_alt_text("Self-Portrait")).click()
    expect(served_page.locator("#still")).to_have_attribute("src", re.compile("morisot"))
    expect(served_page.locator("#credit")).to_contain_text("Morisot")


def test_an_uploaded_portrait_is_selected(served_page: Page, portrait: bytes) -> None:
    answer = json.dumps({"id": "0a1b2c", "image_url": "/v1/portraits/astronaut/image"})
    served_page.route(
        "**/v1/portraits",
        lambda route: route.fulfill(status=201, body=answer, content_type="application/json"),
    )
    file = FilePayload(name="me.jpg", mimeType="image/jpeg", buffer=portrait)
    with served_page.expect_request("**/v1/portraits") as sent:
        add_portrait(served_page, file)
    fields = form_fields(sent.value)
    assert fields["consent"] == WORDS.encode()
    assert fields["image"] == portrait
    expect(served_page.locator("#still")).to_have_attribute("alt", "me.jpg")


def test_a_refused_portrait_says_why_and_leaves_the_old_one(served_page: Page) -> None:
    detail = "portrait has 2 faces, expected 1: crop it to one"
    served_page.route("**/v1/portraits", lambda route: problem(route, 422, "portrait", detail))
    file = FilePayload(name="two.jpg", mimeType="image/jpeg", buffer=b"not looked at")
    add_portrait(served_page, file)
    expect_notice(served_page, "This picture cannot speak", "2 faces, expected 1: crop it to one")
    expect(served_page.locator("#still")).to_have_attribute("alt", "Astronaut")
    expect(served_page.locator("#start")).to_be_enabled()


@pytest.mark.parametrize(
    ("name", "title", "help_text"),
    [
        ("NotAllowedError", "The microphone is blocked", "Allow it for this page"),
        ("NotAllowedError", "The microphone is blocked", "privacy settings of the system"),
        ("NotFoundError", "No microphone found", "Plug one in"),
        ("NotReadableError", "The microphone is in use", "Close that program"),
    ],
)
def test_a_microphone_that_fails_is_told_in_words(
    served_page: Page, name: str, title: str, help_text: str
) -> None:
    fail_microphone(served_page, name)
    served_page.click("#start")
    expect_notice(served_page, title, help_text)
    expect(served_page.locator("#start")).to_have_text("Start")


def test_a_user_who_refuses_the_microphone_is_told_how_to_allow_it(browser: Browser) -> None:
    with browser.new_context(permissions=[]) as context:
        page = context.new_page()
        serve_page(page)
        page.goto(ORIGIN)
        page.click("#start:enabled")
        expect_notice(page, "The microphone is blocked", "Allow it for this page")


def test_an_insecure_address_is_told_before_anything_is_asked(page: Page) -> None:
    origin = "http://likeness.example"
    serve_page(page, origin)
    page.goto(origin)
    page.click("#start:enabled")
    expect_notice(page, "This address is not secure", "Open Likeness over https")


def test_a_full_server_is_asked_again_after_the_time_it_names(served_page: Page) -> None:
    asked: list[str] = []

    def full(route: Route) -> None:
        asked.append(route.request.url)
        problem(route, 503, "server-full", "all 2 places are taken", **{"Retry-After": "1"})

    served_page.route("**/v1/calls*", full)
    served_page.click("#start")
    expect_notice(served_page, "Every place is taken", "full just now")
    expect(served_page.locator("#notice-wait")).to_contain_text("Trying again in 1 s")
    with served_page.expect_request("**/v1/calls*"):
        pass
    assert "portrait=astronaut" in asked[0]
    expect(served_page.locator("#start")).to_have_text("Stop")


def test_stop_ends_the_waiting(served_page: Page) -> None:
    served_page.route(
        "**/v1/calls*",
        lambda route: problem(route, 503, "server-full", "", **{"Retry-After": "600"}),
    )
    served_page.click("#start")
    expect_notice(served_page, "Every place is taken", "")
    served_page.click("#start")
    expect(served_page.locator("#notice")).to_be_hidden()
    expect(served_page.locator("body")).to_have_attribute("data-call", "idle")


def test_a_server_that_does_not_answer_is_tried_again_on_request(served_page: Page) -> None:
    served_page.route("**/v1/calls*", lambda route: route.abort())
    served_page.click("#start")
    expect_notice(served_page, "The server does not answer", "that Likeness is running")
    with served_page.expect_request("**/v1/calls*"):
        served_page.click("#notice-action")


def test_a_refused_offer_ends_the_call_with_the_servers_words(served_page: Page) -> None:
    detail = "the offer has no audio: add a microphone"
    served_page.route("**/v1/calls*", lambda route: problem(route, 422, "no-audio", detail))
    served_page.click("#start")
    expect_notice(served_page, "The server refused the call", "has no audio: add a microphone")
    expect(served_page.locator("body")).to_have_attribute("data-call", "idle")


def test_a_portrait_that_expired_sends_back_to_the_gallery(served_page: Page) -> None:
    served_page.route("**/v1/calls*", lambda route: problem(route, 404, "unknown-portrait", ""))
    left = json.dumps(PORTRAITS[1:])
    served_page.route(
        "**/v1/portraits", lambda route: route.fulfill(body=left, content_type="application/json")
    )
    served_page.click("#start")
    expect(served_page.locator("#still")).to_have_attribute("alt", str(PORTRAITS[1]["title"]))
    expect_notice(served_page, "This portrait is no longer here", "Add it again")


def test_the_keyboard_reaches_and_works_everything(served_page: Page) -> None:
    served_page.route("**/v1/calls*", lambda route: route.abort())
    reached: list[str] = []
    for _ in range(14):
        served_page.keyboard.press("Tab")
        reached.append(
            served_page.evaluate("document.activeElement.id || document.activeElement.name")
        )
    for control in ("mute", "start", "sound", "portrait", "microphone", "expression", "head-speed"):
        assert control in reached, f"{control} is not reached by Tab: {reached}"
    served_page.focus("input[name=expression]:checked")
    served_page.keyboard.press("ArrowRight")
    expect(served_page.locator("input[value=happy]")).to_be_checked()
    expect(served_page.locator("#strength")).to_be_enabled()
    served_page.focus("#start")
    with served_page.expect_request("**/v1/calls*"):
        served_page.keyboard.press("Enter")


def test_every_control_has_a_name_for_a_screen_reader(served_page: Page) -> None:
    tree = served_page.locator("body").aria_snapshot()
    unnamed = re.findall(
        r"- (?:button|radio|slider|combobox|checkbox)(?: \[[^\]]*\])*:?$", tree, re.M
    )
    assert unnamed == []
    for name in ('button "Start"', 'radio "Happy"', 'slider "Head motion"', "Microphone"):
        assert name.lower() in tree.lower()


def test_figures_that_change_each_second_are_not_read_aloud(served_page: Page) -> None:
    live = "output, [aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]"
    for figure in ("fps", "latency", "skew"):
        assert not served_page.locator(f"#{figure}").evaluate(
            "(figure, live) => Boolean(figure.closest(live))", live
        )


def test_what_is_said_of_avatars_is_read_aloud(served_page: Page) -> None:
    # An element that appears with its words is not: it has to be there before.
    for said in ("avatar-said", "gallery-said"):
        display = served_page.locator(f"#{said}").evaluate(
            "(said) => getComputedStyle(said).display"
        )
        assert display == "block"


def test_a_notice_that_is_closed_gives_its_focus_to_start(served_page: Page) -> None:
    fail_microphone(served_page, "NotFoundError")
    served_page.click("#start")
    expect_notice(served_page, "No microphone found", "Plug one in")
    served_page.focus("#notice-action")
    served_page.keyboard.press("Enter")
    expect(served_page.locator("#notice")).to_be_hidden()
    expect(served_page.locator("#start")).to_be_focused()


_CONTRAST = """([selector, property]) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  const luminance = (color) => {
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.querySelector(selector));
  const edge = luminance(style.getPropertyValue(property));
  const grounds = ["--surface", "--wall", "--wall-lit"].map((name) => style.getPropertyValue(name));
  return Math.min(...grounds.map((ground) => {
    const [dark, light] = [edge, luminance(ground)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_edges_of_controls_can_be_told_from_what_is_behind(
    served_page: Page, scheme: Literal["light", "dark"]
) -> None:
    served_page.emulate_media(color_scheme=scheme)
    for control in (
        ("#microphone", "border-top-color"),
        ("#avatar-name", "border-top-color"),
        ("#key", "border-top-color"),
        ("#head-speed", "--edge"),
    ):
        assert served_page.evaluate(_CONTRAST, control) >= 3, control


def test_a_phone_shows_portrait_and_start_without_scrolling(browser: Browser) -> None:
    phone = ViewportSize(width=390, height=844)
    with browser.new_context(viewport=phone, is_mobile=True, has_touch=True) as context:
        page = context.new_page()
        serve_page(page)
        page.goto(ORIGIN)
        page.wait_for_selector("#start:enabled")
        for selector in ("#frame", "#start"):
            expect(page.locator(selector)).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
