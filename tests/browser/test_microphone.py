"""The page's microphone when the browser gives one late: it is open only while it is wanted."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_page import problem

pytestmark = pytest.mark.browser

# `opened[n].release()` lets the page have the nth stream, which records already, or an error.
_HOLD = """() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.opened = [];
  navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await real(wish);
    await new Promise((resolve, reject) => {
      const [track] = stream.getTracks();
      window.opened.push({ track, release: resolve, refuse: reject });
    });
    return stream;
  };
}"""


def wait_for_state(page: Page, number: int, state: str) -> None:
    page.wait_for_function(f"opened[{number}]?.track.readyState === '{state}'", timeout=5_000)


def release(page: Page, number: int) -> None:
    page.evaluate(f"opened[{number}].release()")


@pytest.fixture
def calling_page(served_page: Page) -> Page:
    """The page in a call that waits for a place, with the microphone 0."""
    served_page.route(
        "**/v1/calls*",
        lambda route: problem(route, 503, "server-full", "", **{"Retry-After": "600"}),
    )
    served_page.evaluate(_HOLD)
    served_page.click("text=Sound clean-up")
    served_page.click("#start")
    wait_for_state(served_page, 0, "live")
    release(served_page, 0)
    expect(served_page.locator("body")).to_have_attribute("data-call", "waiting")
    return served_page


def wish_for_another(page: Page, number: int) -> None:
    page.click("#echo-cancellation")
    wait_for_state(page, number, "live")


def test_one_that_comes_after_stop_is_closed(calling_page: Page) -> None:
    wish_for_another(calling_page, 1)
    calling_page.click("#start")
    wait_for_state(calling_page, 0, "ended")
    release(calling_page, 1)
    wait_for_state(calling_page, 1, "ended")
    expect(calling_page.locator("body")).to_have_attribute("data-call", "idle")
    expect(calling_page.locator("#level")).to_have_js_property("value", 0)


def test_one_that_is_refused_after_stop_is_not_told(calling_page: Page) -> None:
    wish_for_another(calling_page, 1)
    calling_page.click("#start")
    calling_page.evaluate("opened[1].refuse(new DOMException('by the test', 'NotAllowedError'))")
    calling_page.evaluate("new Promise((resolve) => setTimeout(resolve))")
    expect(calling_page.locator("#notice")).to_be_hidden()


def test_of_two_that_are_asked_for_the_last_stays(calling_page: Page) -> None:
    wish_for_another(calling_page, 1)
    wish_for_another(calling_page, 2)
    release(calling_page, 2)
    wait_for_state(calling_page, 0, "ended")
    release(calling_page, 1)
    wait_for_state(calling_page, 1, "ended")
    wait_for_state(calling_page, 2, "live")


def test_one_from_before_stop_does_not_replace_that_of_the_next_call(calling_page: Page) -> None:
    wish_for_another(calling_page, 1)
    calling_page.click("#start")
    calling_page.click("#start")
    wait_for_state(calling_page, 2, "live")
    release(calling_page, 2)
    expect(calling_page.locator("body")).to_have_attribute("data-call", "waiting")
    release(calling_page, 1)
    wait_for_state(calling_page, 1, "ended")
    wait_for_state(calling_page, 2, "live")
