"""The pages on phones, on their side too, and zoomed in: what is said can be read, and reached."""

import pytest
from playwright.sync_api import Page, Route, ViewportSize, expect

from tests.browser.conftest import ORIGIN, serve_page
from tests.browser.test_page import problem

pytestmark = pytest.mark.browser

# Phones, one on its side, and 1280 x 800 at 400 %.
SIZES = [(667, 375), (320, 568), (844, 390), (320, 200)]
# Relative to the document: what is left of or above its origin cannot be scrolled to.
_NOTICE = """() => {
  const place = (id) => {
    const { left, right, top, bottom } = document.getElementById(id).getBoundingClientRect();
    return { left, right, top: top + scrollY, bottom: bottom + scrollY };
  };
  return [place("notice"), place("notice-text"), place("notice-action")];
}"""


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("path", ["", "present.html"])
def test_a_notice_can_be_read(page: Page, path: str, width: int, height: int) -> None:
    detail = "the key 'a telephone' has not the scope publish: use one that has"
    page.set_viewport_size(ViewportSize(width=width, height=height))
    serve_page(page)

    def refuse(route: Route) -> None:
        problem(route, 403, "insufficient-scope", detail)

    page.route("**/v1/calls*", refuse)
    page.route("**/v1/avatars/*/live", refuse)
    page.goto(f"{ORIGIN}/{path}")
    expect(page.locator("#still")).to_be_visible()
    if not path:
        page.click("#start")
    expect(page.locator("#notice-text")).to_contain_text("has not the scope publish")
    page.wait_for_function("document.getAnimations().length === 0")
    notice, *parts = page.evaluate(_NOTICE)
    assert notice["top"] >= 0
    assert notice["left"] >= 0
    assert notice["right"] <= width
    for part in parts:
        assert notice["left"] <= part["left"] < part["right"] <= notice["right"], part
        assert notice["top"] <= part["top"] < part["bottom"] <= notice["bottom"], part
    words = parts[0]
    assert words["right"] - words["left"] > 150
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["", "present.html"])
def test_the_focus_is_never_below_the_dock(page: Page, path: str) -> None:
    page.set_viewport_size(ViewportSize(width=390, height=500))
    serve_page(page)
    page.goto(f"{ORIGIN}/{path}")
    expect(page.locator("#still")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    hidden = []
    for _ in range(16):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                 const focused = document.activeElement;
                 const dock = document.querySelector(".dock");
                 if (focused === document.body || dock.contains(focused)) return null;
                 const place = focused.getBoundingClientRect();
                 // Of a tall field, the line that is written in is enough.
                 const bottom = Math.min(place.bottom, place.top + 40);
                 const isHidden = bottom > dock.getBoundingClientRect().top;
                 return isHidden ? focused.id || focused.name : null;
               }"""
        )
        if focused is not None:
            hidden.append(focused)
    assert hidden == []
