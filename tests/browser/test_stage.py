"""The still picture is that of the portrait chosen last, or the page says that it is not."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ORIGIN, serve_page
from tests.browser.test_modules import run
from tests.browser.test_page import expect_notice

pytestmark = pytest.mark.browser

# Two pictures are asked for, and the first is decoded, or cannot be, after the second.
_LATE = """
const { Stage } = await load('stage');
const real = HTMLImageElement.prototype.decode;
const decodings = [];
HTMLImageElement.prototype.decode = () =>
  new Promise((resolve, reject) => decodings.push({ resolve, reject }));
try {
  const still = document.createElement('img');
  const [video, expand] = [document.createElement('video'), document.createElement('button')];
  const stage = new Stage({ still, video, expand }, () => undefined);
  const asked = [stage.showStill('/slow.jpg', 'Slow'), stage.showStill('/quick.jpg', 'Quick')];
  decodings[1].resolve();
  await asked[1];
  decodings[0][argument](new DOMException('by the test', 'EncodingError'));
  await asked[0];
  return [still.getAttribute('src'), still.alt];
} finally {
  HTMLImageElement.prototype.decode = real;
}
"""


@pytest.mark.parametrize("late", ["resolve", "reject"])
def test_a_late_picture_does_not_replace_a_newer_one(idle_page: Page, late: str) -> None:
    shown: Any = run(idle_page, _LATE, late)
    assert shown == ["/quick.jpg", "Quick"]


def test_a_picture_that_cannot_be_loaded_is_told(page: Page) -> None:
    serve_page(page)
    page.route("**/v1/portraits/morisot/image", lambda route: route.abort())
    page.goto(ORIGIN)
    expect(page.locator("#still")).to_have_attribute("alt", "Astronaut")
    page.locator(".tile", has=page.get_by_alt_text("Self-Portrait")).click()
    expect_notice(page, "The portraits did not load", "Check that Likeness is running")
    expect(page.locator("#still")).to_have_attribute("alt", "Astronaut")
