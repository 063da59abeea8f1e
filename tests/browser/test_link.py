"""One connection: what is hung up, and why it does not come about."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_modules import run

pytestmark = pytest.mark.browser

# A link that offers to a server which never connects; `expire()` lets its time be over.
_LINK = """
const { Link } = await load('link');
const { Backoff } = await load('backoff');
const { CallResource } = await load('signalling');
const { describe } = await load('words');
const seconds = setTimeout;
let expire;
window.setTimeout = (run) => { expire = run; };
const told = [];
const noop = () => undefined;
const link = new Link({
  onTrack: noop, onConnected: noop, onInterrupted: noop,
  onLost: (error) => told.push([error.kind, error.retry, describe(error).text]),
});
window.setTimeout = seconds;
link.pc.createDataChannel('control');
const api = { fetch: async () => new Response(null, { status: 204 }) };
const answer = async (sdp) => {
  const server = new RTCPeerConnection();
  await server.setRemoteDescription({ type: 'offer', sdp });
  await server.setLocalDescription();
  const resource = new CallResource('/v1/calls/7', null, api, noop);
  return { answer: server.localDescription.sdp, iceServers: [], resource };
};
const open = async (post) => {
  window.setTimeout = (run) => { expire = run; };
  const opened = link.open(post);
  window.setTimeout = seconds;
  return opened;
};
const seem = (state) => {
  Object.defineProperty(link.pc, 'connectionState', { value: state, configurable: true });
  link.pc.dispatchEvent(new Event('connectionstatechange'));
};
"""


@pytest.mark.parametrize("end", ["expire()", "seem('failed')"])
def test_a_network_that_lets_nothing_through_is_told(idle_page: Page, end: str) -> None:
    told: Any = run(idle_page, f"{_LINK} await open(answer); {end}; return told")
    ((kind, retries, text),) = told
    assert (kind, retries) == ("no-way", True)
    assert "UDP" in text
    assert "TURN" in text
    assert "Behind NAT and firewalls" in text


def test_a_server_that_does_not_answer_the_offer_is_away(idle_page: Page) -> None:
    told: Any = run(
        idle_page, f"{_LINK} open(() => new Promise(() => undefined)); expire(); return told"
    )
    assert [kind for kind, *_ in told] == ["server-away"]


def test_a_connection_that_was_there_has_dropped(idle_page: Page) -> None:
    told: Any = run(
        idle_page, f"{_LINK} await open(answer); seem('connected'); seem('failed'); return told"
    )
    assert [kind for kind, *_ in told] == ["connection-lost"]


def test_a_call_that_is_answered_after_stop_is_hung_up(served_page: Page) -> None:
    held: list[Route] = []
    served_page.route("**/v1/calls?*", lambda route: held.append(route))
    with served_page.expect_request("**/v1/calls?*"):
        served_page.click("#start")
    served_page.click("#start")
    expect(served_page.locator("body")).to_have_attribute("data-call", "idle")
    served_page.route("**/v1/calls/7", lambda route: route.fulfill(status=200))
    with served_page.expect_request("**/v1/calls/7") as hung_up:
        held[0].fulfill(status=201, headers={"Location": "/v1/calls/7"}, body="v=0")
    assert hung_up.value.method == "DELETE"


def test_a_call_whose_answer_breaks_off_is_hung_up_and_tried_again(idle_page: Page) -> None:
    found = run(
        idle_page,
        """const { postOffer } = await load('signalling');
           const asked = [];
           const api = {
             async fetch(url, { method }) {
               asked.push(method);
               const body = new ReadableStream({
                 start: (controller) => controller.error(new TypeError('by the test')),
               });
               const answer = new Response(body, { headers: { Location: '/v1/calls/7' } });
               return Object.defineProperty(answer, 'url', { value: String(url) });
             },
           };
           const url = new URL('/v1/calls', document.baseURI);
           try {
             await postOffer(api, url, 'v=0', () => undefined);
           } catch ({ kind, retry }) {
             return [kind, retry, ...asked];
           }""",
    )
    assert found == ["server-away", True, "POST", "DELETE"]
