"""The presenter's page watches what it lets speak, or says why it cannot."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import ORIGIN
from tests.browser.test_modules import run
from tests.browser.test_page import expect_notice, problem
from tests.browser.test_present import Server, open_page

pytestmark = pytest.mark.browser


@pytest.fixture
def server(page: Page) -> Server:
    """A server with a live avatar."""
    server = Server(page)
    page.route("**/v1/avatars/astronaut/live", lambda route: route.fulfill(json={}))
    return server


def test_why_nothing_is_watched_is_told_until_it_is_tried_again(page: Page, server: Server) -> None:
    answers = iter([(503, "too-many-viewers"), (409, "not-live")])

    def answer(route: Route) -> None:
        status, code = next(answers)
        problem(route, status, code, "as many as may watch do", **{"Retry-After": "600"})

    page.route(f"{ORIGIN}/whep/**", answer)
    open_page(page)
    expect_notice(page, "Every place is taken", "full")
    expect(page.locator("#notice-wait")).to_have_text("Trying again in 600 s.")
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("body")).to_have_attribute("data-call", "idle")


def test_another_notice_is_not_hidden_by_what_is_watched(page: Page, server: Server) -> None:
    page.route(f"{ORIGIN}/whep/**", lambda route: problem(route, 502, "", ""))
    open_page(page)
    expect_notice(page, "The server does not answer", "Check the network")
    page.route("**/v1/avatars/astronaut/live", lambda route: problem(route, 422, "", "by the test"))
    page.fill("#text", "Hello.")
    page.click("#say")
    expect_notice(page, "This was not said", "By the test.")
    with page.expect_response(f"{ORIGIN}/whep/**"):
        page.route(f"{ORIGIN}/whep/**", lambda route: problem(route, 409, "not-live", ""))
    expect(page.locator("body")).to_have_attribute("data-call", "idle")
    expect_notice(page, "This was not said", "By the test.")


def test_a_connection_that_drops_once_is_made_again_silently(page: Page, server: Server) -> None:
    """A performance that ends drops it, too."""
    told = run_on_page(page, server, ["connecting", "live", "waiting", "connecting", "waiting"])
    assert told == [False, False, False, False, True]


def run_on_page(page: Page, server: Server, states: list[str]) -> list[bool]:
    """Let the viewer of the page become `states`; return whether a notice is seen after each."""
    page.route(
        "**/whep.js",
        lambda route: route.fulfill(
            content_type="text/javascript",
            body="""
              export const WatchState = { IDLE: "idle", CONNECTING: "connecting",
                WAITING: "waiting", LIVE: "live" };
              export class Viewer {
                state = "idle";
                interrupted = false;
                constructor(base, api, callbacks) {
                  this.callbacks = callbacks;
                  window.viewer = this;
                }
                watch() {}
                stop() {}
                become(state, reason) {
                  this.state = state;
                  this.callbacks.onState(state, reason, 0);
                }
              }""",
        ),
    )
    open_page(page)
    shown: list[bool] = run(
        page,
        """const { CallError } = await load('call_error');
           return argument.map((state) => {
             const lost = new CallError('connection-lost', '', { retry: true });
             viewer.become(state, state === 'waiting' ? lost : null);
             return !document.getElementById('notice').hidden;
           })""",
        states,
    )
    return shown


def test_an_answer_that_breaks_off_lets_the_text_be_said_again(page: Page, server: Server) -> None:
    page.add_init_script(
        """const real = window.fetch;
           window.fetch = async (url, options) => {
             if (!String(url).endsWith('/say')) return real(url, options);
             const body = new ReadableStream({
               start: (controller) => controller.error(new TypeError('broken off by the test')),
             });
             const headers = { 'Content-Type': 'application/problem+json' };
             return new Response(body, { status: 502, statusText: 'Bad Gateway', headers });
           };"""
    )
    page.route(f"{ORIGIN}/whep/**", lambda route: problem(route, 409, "not-live", ""))
    open_page(page)
    page.fill("#text", "Hello.")
    page.click("#say")
    expect_notice(page, "This was not said", "HTTP 502 Bad Gateway.")
    expect(page.locator("#say")).to_be_enabled()
