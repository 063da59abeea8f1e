"""The presenter's page and one's own voice: what it publishes by WHIP, and what it tells."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import ORIGIN
from tests.browser.test_page import expect_notice, fail_microphone
from tests.browser.test_present import SENTENCES, Server, open_page

pytestmark = pytest.mark.browser

SPEAKING = re.compile("^You are speaking yourself")

# A WHIP server that lives in the page. `whip.asked` is what came, `.publishers` are its
# connections, `.refusals` the answers to the next offers; `microphones` are the tracks in use.
_WHIP = """(() => {
  const RealPeerConnection = window.RTCPeerConnection;
  const realFetch = window.fetch.bind(window);
  const realMicrophone = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const whip = { asked: [], publishers: [], refusals: [], servers: [], clients: [] };
  Object.assign(window, { whip, microphones: [] });

  navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await realMicrophone(wish);
    window.microphones.push(...stream.getTracks());
    return stream;
  };
  window.RTCPeerConnection = class extends RealPeerConnection {
    constructor(...given) {
      super(...given);
      whip.clients.push(this);
    }
    setConfiguration(configuration) {
      whip.servers = configuration.iceServers;
      // It is asked for nothing: nothing listens there.
      super.setConfiguration({ ...configuration, iceServers: [] });
    }
  };
  /** Lets the page's connection seem to have failed. */
  whip.drop = () => {
    const client = whip.clients.findLast((one) => one.getSenders()[0]?.track);
    Object.defineProperty(client, "connectionState", { value: "failed" });
    client.dispatchEvent(new Event("connectionstatechange"));
  };
  async function answer(url, sdp) {
    const pc = new RealPeerConnection();
    const heard = new Promise((resolve) => pc.addEventListener("track", resolve));
    await pc.setRemoteDescription({ type: "offer", sdp });
    await pc.setLocalDescription();
    while (pc.iceGatheringState !== "complete") {
      await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", resolve));
    }
    const publisher = { offer: sdp, pc, track: (await heard).track };
    whip.publishers.push(publisher);
    const headers = {
      Location: `${new URL(url).pathname}/${whip.publishers.length}`,
      Link: '<turn:a.example>; rel="ice-server"; username="u"; credential="c"',
    };
    const response = new Response(pc.localDescription.sdp, { status: 201, headers });
    return Object.defineProperty(response, "url", { value: String(url) });
  }
  function refuse({ status, code, headers }) {
    const body = JSON.stringify({ type: `urn:likeness:problem:${code}`, detail: "by the test" });
    const type = { "Content-Type": "application/problem+json" };
    return new Response(body, { status, headers: { ...type, ...headers } });
  }
  window.fetch = async (url, options = {}) => {
    const path = new URL(url, document.baseURI).pathname;
    if (!path.startsWith("/whip/")) return realFetch(url, options);
    const { method, keepalive = false, body } = options;
    const key = new Headers(options.headers).get("Authorization");
    whip.asked.push({ method, path, keepalive, key });
    if (method === "POST") {
      return whip.refusals.length ? refuse(whip.refusals.shift()) : answer(url, body);
    }
    return new Response(null, { status: method === "PATCH" ? 204 : 200 });
  };
})()"""


@pytest.fixture
def server(page: Page) -> Server:
    page.add_init_script(_WHIP)
    return Server(page)


def speak(page: Page) -> Locator:
    return page.locator("#speak")


def begin(page: Page) -> None:
    speak(page).click()
    expect(page.locator("#status")).to_have_text(SPEAKING)


def asked(page: Page, method: str) -> Any:
    return page.evaluate("(method) => whip.asked.filter((one) => one.method === method)", method)


def refuse_next(page: Page, status: int, code: str, **headers: str) -> None:
    answer = {"status": status, "code": code, "headers": headers}
    page.evaluate("(answer) => whip.refusals.push(answer)", answer)


def expect_closed(page: Page) -> None:
    """Nothing is published, and no microphone is open."""
    expect(speak(page)).to_have_text("Speak yourself")
    assert page.evaluate("microphones.every((track) => track.readyState === 'ended')")
    expect(page.locator("#live")).to_have_js_property("muted", False)


def test_the_microphone_is_published_and_the_avatar_watched_until_it_is_let_go(
    page: Page, server: Server
) -> None:
    page.add_init_script("localStorage.clear(); location.hash = 'key=lk_a_b'")
    open_page(page)
    with page.expect_request("**/whep/astronaut"):
        begin(page)
    expect(speak(page)).to_have_text("Stop speaking")
    (offered,) = asked(page, "POST")
    assert (offered["path"], offered["key"]) == ("/whip/astronaut", "Bearer lk_a_b")
    offer = page.evaluate("whip.publishers[0].offer")
    assert re.findall("^m=(\\w+)", offer, re.M) == ["audio"]
    assert "a=sendonly" in offer
    assert page.evaluate("whip.servers") == [
        {"urls": "turn:a.example", "username": "u", "credential": "c"}
    ]
    page.wait_for_function(
        """async () => [...(await whip.publishers[0].pc.getStats()).values()]
             .some(({ type, audioLevel }) => type === 'inbound-rtp' && audioLevel > 0.01)"""
    )
    expect(page.locator("#level")).to_be_visible()
    speak(page).click()
    expect_closed(page)
    assert asked(page, "DELETE") == [
        {
            "method": "DELETE",
            "path": "/whip/astronaut/1",
            "keepalive": True,
            "key": "Bearer lk_a_b",
        }
    ]
    expect(page.locator("#notice")).to_be_hidden()


def test_nothing_else_speaks_and_nothing_is_heard_here_meanwhile(
    page: Page, server: Server
) -> None:
    open_page(page)
    page.fill("#text", "Hello.")
    expect(page.locator("#say")).to_be_enabled()
    begin(page)
    expect(page.locator("#status")).to_contain_text("The sound is off here meanwhile")
    expect(page.locator("#live")).to_have_js_property("muted", True)
    for button, reason in (
        ("say", "You are speaking yourself"),
        ("sound", "Off while you speak yourself"),
    ):
        expect(page.locator(f"#{button}")).to_be_disabled()
        expect(page.locator(f"#{button}")).to_have_accessible_description(reason)
    page.focus("#text")
    page.keyboard.press("Control+Enter")
    speak(page).click()
    expect_closed(page)
    expect(page.locator("#say")).to_be_enabled()
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    assert [asked for asked in server.asked if asked[0] == "POST"] == []


def test_sound_that_was_off_before_stays_off(page: Page, server: Server) -> None:
    open_page(page)
    page.click("#sound")
    begin(page)
    speak(page).click()
    expect(speak(page)).to_have_text("Speak yourself")
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#live")).to_have_js_property("muted", True)


def test_what_is_queued_is_said_first(page: Page, server: Server) -> None:
    server.told = [("queue", {"paused": False, "sentences": SENTENCES})]
    open_page(page)
    expect(page.locator("#stop")).to_be_enabled()
    expect(speak(page)).to_be_disabled()
    expect(speak(page)).to_have_accessible_description("Something is still to be said")
    page.focus("#speak")
    page.keyboard.press("Enter")
    server.told = [("queue", {"paused": False, "sentences": []})]
    expect(speak(page)).to_be_enabled()
    expect(speak(page)).to_have_accessible_description("")
    assert page.evaluate("microphones.length") == 0


@pytest.mark.parametrize(
    ("status", "code", "title"),
    [
        (409, "voice-taken", "The portrait speaks for somebody else"),
        (403, "insufficient-scope", "This key does not allow that"),
        (401, "invalid-key", "This key opens nothing here"),
        (404, "unknown-avatar", "This portrait is no longer here"),
    ],
)
def test_a_refusal_is_told_and_closes_the_microphone(
    page: Page, server: Server, status: int, code: str, title: str
) -> None:
    open_page(page)
    refuse_next(page, status, code)
    speak(page).click()
    expect(page.locator("#notice-title")).to_have_text(title)
    expect_closed(page)
    assert page.evaluate("microphones.length") == 1
    assert len(asked(page, "POST")) == 1


def test_a_full_server_is_waited_for_and_who_stops_waits_no_longer(
    page: Page, server: Server
) -> None:
    open_page(page)
    refuse_next(page, 503, "server-full", **{"Retry-After": "600"})
    speak(page).click()
    expect_notice(page, "Every place is taken", "full")
    expect(page.locator("#notice-wait")).to_have_text("Trying again in 600 s.")
    expect(page.locator("#status")).to_have_text("Waiting to try again…")
    refuse_next(page, 503, "server-full", **{"Retry-After": "600"})
    page.get_by_role("button", name="Try now").click()
    page.wait_for_function("whip.refusals.length === 0")
    speak(page).click()
    expect(page.locator("#notice")).to_be_hidden()
    expect_closed(page)


def test_a_microphone_that_is_denied_is_told(page: Page, server: Server) -> None:
    open_page(page)
    fail_microphone(page, "NotAllowedError")
    speak(page).click()
    expect_notice(page, "The microphone is blocked", "Allow it for this page")
    expect_closed(page)
    assert asked(page, "POST") == []


def test_who_waits_for_a_permission_can_cancel(page: Page, server: Server) -> None:
    open_page(page)
    page.evaluate(
        """() => {
             const real = navigator.mediaDevices.getUserMedia;
             navigator.mediaDevices.getUserMedia = async (wish) => {
               await new Promise((resolve) => { window.grant = resolve; });
               return real(wish);
             };
           }"""
    )
    speak(page).click()
    expect(speak(page)).to_have_text("Cancel")
    expect(page.locator("#status")).to_have_text("Waiting for your microphone…")
    speak(page).click()
    expect(speak(page)).to_have_text("Speak yourself")
    page.evaluate("grant()")
    page.wait_for_function("microphones[0]?.readyState === 'ended'")
    assert asked(page, "POST") == []


def test_the_keyboard_begins_mutes_and_ends(page: Page, server: Server) -> None:
    open_page(page)
    muted = "Muted. The portrait hears silence."
    page.keyboard.press("m")
    page.focus("#speak")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text(SPEAKING)
    page.keyboard.press("m")
    expect(page.locator("#status")).to_have_text(muted)
    expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("microphones[0].enabled") is False
    page.focus("#text")
    page.keyboard.type("mmm")
    expect(page.locator("#status")).to_have_text(muted)
    page.focus("#mute")
    page.keyboard.press("Space")
    expect(page.locator("#status")).to_have_text(SPEAKING)
    page.keyboard.press("m")
    expect(page.locator("#status")).to_have_text(muted)
    page.focus("#speak")
    page.keyboard.press("Enter")
    expect_closed(page)
    # Who begins again is heard.
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text(SPEAKING)


def test_another_portrait_does_not_get_the_voice(page: Page, server: Server) -> None:
    open_page(page)
    begin(page)
    page.locator(".tile", has=page.get_by_alt_text("Self-Portrait")).click()
    expect(page.locator("#status")).to_have_text(
        "You speak no longer: another portrait was chosen."
    )
    expect_closed(page)
    assert [one["path"] for one in asked(page, "DELETE")] == ["/whip/astronaut/1"]
    assert len(asked(page, "POST")) == 1
    begin(page)
    assert asked(page, "POST")[-1]["path"] == "/whip/morisot"


def test_a_connection_that_drops_is_told_and_made_again(page: Page, server: Server) -> None:
    open_page(page)
    begin(page)
    # As a server answers that has not seen yet that the first has gone.
    refuse_next(page, 409, "voice-taken")
    refuse_next(page, 503, "server-full", **{"Retry-After": "600"})
    page.evaluate("whip.drop()")
    expect_notice(page, "Every place is taken", "full")
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#status")).to_have_text(SPEAKING)
    expect(page.locator("#notice")).to_be_hidden()
    assert page.evaluate("microphones.map((track) => track.readyState)") == ["live"]
    assert page.evaluate("whip.publishers.length") == 2


def test_a_page_that_is_closed_lets_the_voice_go(page: Page, server: Server) -> None:
    open_page(page)
    begin(page)
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    expect_closed(page)
    assert [one["keepalive"] for one in asked(page, "DELETE")] == [True]


def test_a_microphone_that_is_gone_is_replaced_or_ends_it(page: Page, server: Server) -> None:
    open_page(page)
    begin(page)
    page.evaluate("microphones[0].dispatchEvent(new Event('ended'))")
    expect_notice(page, "Your microphone is gone", "default one")
    page.wait_for_function("microphones[0].readyState === 'ended'")
    expect(page.locator("#status")).to_have_text(SPEAKING)
    fail_microphone(page, "NotFoundError")
    page.evaluate("microphones[1].dispatchEvent(new Event('ended'))")
    expect_notice(page, "No microphone found", "Plug one in")
    expect_closed(page)
    assert len(asked(page, "DELETE")) == 1


def test_one_that_the_system_mutes_is_told_at_once(page: Page, server: Server) -> None:
    open_page(page)
    begin(page)
    for muted, told in ((True, "The system has muted your microphone."), (False, SPEAKING)):
        # The events, which come again and again here, would let it be told later.
        status = page.evaluate(
            """(value) => {
                 Object.defineProperty(microphones[0], "muted", { value, configurable: true });
                 microphones[0].dispatchEvent(new Event(value ? "mute" : "unmute"));
                 return document.getElementById("status").textContent;
               }""",
            muted,
        )
        assert re.match(told, status)


def test_another_microphone_is_used_at_once_or_the_one_before_goes_on(
    page: Page, server: Server
) -> None:
    open_page(page)
    begin(page)
    page.click("text=Your microphone")
    page.click("#echo-cancellation")
    page.wait_for_function("microphones[0].readyState === 'ended'")
    expect(page.locator("#status")).to_have_text(SPEAKING)
    page.evaluate("document.getElementById('microphone').append(new Option('Busy', 'busy'))")
    fail_microphone(page, "NotReadableError")
    page.select_option("#microphone", "busy")
    expect_notice(page, "The microphone is in use", "The one before goes on.")
    expect(page.locator("#microphone")).to_have_value("")
    assert page.evaluate("microphones[1].readyState") == "live"
    assert len(asked(page, "POST")) == 1


@pytest.mark.parametrize("width", [320, 375])
def test_the_buttons_fit_on_a_phone(page: Page, server: Server, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 812})
    open_page(page)
    for _ in ("silent", "speaking"):
        dock = page.evaluate(
            """[...document.querySelectorAll(".dock button")]
                 .map((button) => button.getBoundingClientRect().toJSON())
                 .filter((box) => box.width > 0)"""
        )
        assert len(dock) >= 4
        for box, after in zip(dock, [*dock[1:], {"left": width}], strict=True):
            assert 0 <= box["left"] < box["right"] <= after["left"]
        begin(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        speak(page).click()
    assert page.url.startswith(ORIGIN)
