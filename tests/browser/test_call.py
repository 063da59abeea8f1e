"""A call on the page, with a server that lives in the page itself."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import expect_live
from tests.browser.test_avatars import ME
from tests.browser.test_modules import run
from tests.browser.test_page import expect_notice

pytestmark = pytest.mark.browser

_NO_MORE_CONNECTIONS = """
window.Real = RTCPeerConnection;
window.RTCPeerConnection = class {
  constructor() {
    throw new DOMException("Cannot create so many PeerConnections", "UnknownError");
  }
};
"""


def say(page: Page, **message: Any) -> None:
    page.evaluate("(message) => likenessServer.say(message)", message)


def refuse(page: Page, code: str) -> None:
    say(page, type="error", code=code, message=f"{code}: choose another", fatal=False)


def wait_for_heard(page: Page, kind: str, expected: list[dict[str, Any]]) -> None:
    page.wait_for_function(
        "([kind, count]) => likenessServer.heard(kind).length >= count", arg=[kind, len(expected)]
    )
    heard = page.evaluate("(kind) => likenessServer.heard(kind)", kind)
    assert [{key: each[key] for key in each if key != "type"} for each in heard] == expected


def choose(page: Page, title: str) -> None:
    page.locator(".tile", has=page.get_by_alt_text(re.compile(title))).click()


def test_a_double_click_is_one_wish(idle_call: Page) -> None:
    idle_call.dblclick("#start")
    expect_live(idle_call)
    idle_call.dblclick("#start")
    expect(idle_call.locator("body")).to_have_attribute("data-call", "idle")
    expect(idle_call.locator("#start")).to_have_text("Start")
    assert idle_call.evaluate("likenessServer.calls.length") == 1


def test_a_recording_goes_on_after_a_dropped_connection(call: Page) -> None:
    call.click("#record")
    wait_for_heard(call, "record", [{"active": True}])
    say(call, type="recording", active=True, id="one")
    expect(call.locator("#record")).to_have_attribute("aria-pressed", "true")
    call.evaluate("likenessServer.drop()")
    expect(call.locator("#saves button")).to_have_text(["Save the recording"])
    call.wait_for_function("likenessServer.calls.length === 2")
    expect_live(call)
    wait_for_heard(call, "record", [{"active": True}])
    say(call, type="recording", active=True, id="two")
    expect_notice(call, "The recording goes on in a second file", "Each file can be saved")
    call.click("#record")
    say(call, type="recording", active=False, id="two")
    expect(call.locator("#saves button")).to_have_text(["Save recording 1", "Save recording 2"])


def test_a_recording_does_not_go_on_in_another_call(call: Page) -> None:
    say(call, type="recording", active=True, id="one")
    expect(call.locator("#badge")).to_have_text("Recording")
    call.click("#start")
    expect(call.locator("#saves button")).to_have_text(["Save the recording"])
    call.click("#start")
    call.wait_for_function("likenessServer.calls.length === 2")
    expect_live(call)
    wait_for_heard(call, "pause", [{"paused": False}])
    wait_for_heard(call, "record", [])


def test_a_portrait_that_the_server_refuses_is_no_longer_selected(call: Page) -> None:
    call.locator(".face", has_text="happy").click()
    choose(call, "Self-Portrait")
    expect(call.locator("#still")).to_have_attribute("alt", re.compile("Self-Portrait"))
    wait_for_heard(call, "portrait", [{"id": "morisot"}])
    refuse(call, "unknown-portrait")
    expect_notice(call, "The server says", "choose another")
    expect(call.locator("#still")).to_have_attribute("alt", "Astronaut")
    expect(call.locator("input[value=astronaut]")).to_be_checked()
    call.evaluate("likenessServer.drop()")
    call.wait_for_function("likenessServer.calls.length === 2")
    expect_live(call)
    assert (
        call.evaluate("likenessServer.calls.map(({ portrait }) => portrait)") == ["astronaut"] * 2
    )
    wait_for_heard(call, "portrait", [])


def test_the_last_portrait_that_the_server_confirmed_is_gone_back_to(call: Page) -> None:
    choose(call, "Self-Portrait")
    wait_for_heard(call, "portrait", [{"id": "morisot"}])
    say(call, type="portrait", id="morisot")
    choose(call, "Astronaut")
    wait_for_heard(call, "portrait", [{"id": "morisot"}, {"id": "astronaut"}])
    refuse(call, "recordings-full")
    expect(call.locator("input[value=astronaut]")).to_be_checked()
    refuse(call, "unusable-portrait")
    expect(call.locator("input[value=morisot]")).to_be_checked()


def test_an_interruption_is_told_while_it_lasts(call: Page) -> None:
    call.evaluate("likenessServer.seem('disconnected')")
    expect(call.locator("#status")).to_contain_text("The connection is interrupted")
    expect(call.locator("#badge")).to_have_text("Interrupted")
    call.evaluate("likenessServer.seem('connected')")
    expect(call.locator("#status")).to_contain_text("Speak")
    expect(call.locator("#badge")).to_have_text("Live")


def test_a_picture_that_the_system_pauses_plays_on(call: Page) -> None:
    call.evaluate("document.getElementById('live').pause()")
    call.wait_for_function("!document.getElementById('live').paused")


def test_a_page_that_is_seen_again_plays_on_and_tries_again(call: Page) -> None:
    seen = "document.dispatchEvent(new Event('visibilitychange'))"
    call.evaluate(
        """() => {
             const hide = (value) => Object.defineProperty(document, "hidden",
               { value, configurable: true });
             hide(true);
             document.getElementById("live").pause();
             window.show = () => hide(false);
           }"""
    )
    call.wait_for_timeout(100)
    assert call.evaluate("document.getElementById('live').paused")
    call.evaluate(f"show(); {seen}")
    call.wait_for_function("!document.getElementById('live').paused")
    call.evaluate("likenessServer.isAway = true; likenessServer.drop()")
    expect(call.locator("body")).to_have_attribute("data-call", "waiting")
    call.evaluate("() => { setTimeout = () => undefined }")  # no attempt of its own
    call.evaluate(f"likenessServer.isAway = false; {seen}")
    expect(call.locator("body")).to_have_attribute("data-call", "live")


def test_a_browser_that_makes_no_more_connections_is_asked_again(idle_call: Page) -> None:
    idle_call.evaluate(f"() => {{ {_NO_MORE_CONNECTIONS} }}")
    idle_call.click("#start")
    expect_notice(idle_call, "The browser makes no more connections", "Reload the page")
    idle_call.evaluate("() => { RTCPeerConnection = Real }")
    expect_live(idle_call)


def test_who_watches_asks_such_a_browser_again(idle_page: Page) -> None:
    states = run(
        idle_page,
        f"""const {{ Viewer, WatchState }} = await load('whep');
            const {{ Backoff }} = await load('backoff');
            {_NO_MORE_CONNECTIONS}
            const states = [];
            let viewer;
            await new Promise((resolve) => {{
              const onState = (state, reason) => {{
                states.push(reason?.kind ?? state);
                if (states.length === 2) RTCPeerConnection = Real;
                if (states.length === 3) resolve();
              }};
              const api = {{ fetch: () => new Promise(() => undefined) }};
              const backoff = new Backoff({{ first_ms: 1 }});
              viewer = new Viewer(document.baseURI, api, {{ onState }}, backoff);
              viewer.watch('ann');
            }});
            viewer.stop();
            return states""",
    )
    assert states == ["connecting", "browser-exhausted", "connecting", "idle"]


def test_a_call_without_a_connection_is_given_up_after_ten_minutes(idle_page: Page) -> None:
    ends = run(
        idle_page,
        """const { Backoff } = await load('backoff');
           const { Call } = await load('call');
           const { CallError } = await load('call_error');
           let now_ms = 0;
           const signalling = {
             call: async () => { throw new CallError('server-away', '', { retry: true }) },
           };
           const states = [];
           const track = new AudioContext().createMediaStreamDestination().stream.getTracks()[0];
           return new Promise((resolve) => {
             const callbacks = {
               onState(state, reason) {
                 if (state === 'waiting') now_ms += 299_999;
                 if (reason) states.push([state, reason.kind]);
                 if (state === 'idle') resolve(states);
               },
             };
             const backoff = new Backoff({ first_ms: 1 });
             new Call(signalling, callbacks, backoff, () => now_ms).start(track, 'ann');
           })""",
    )
    assert ends == [["waiting", "server-away"]] * 3 + [["idle", "gave-up"]]


def test_the_whole_stage_fills_the_screen(call: Page) -> None:
    expand = call.locator("#expand")
    expect(expand).to_have_accessible_name("Fill the screen")
    expand.click()
    call.wait_for_function("document.fullscreenElement === document.getElementById('stage')")
    expect(expand).to_have_accessible_name("Leave full screen")
    for button in ("#mute", "#start", "#record"):
        expect(call.locator(button)).to_be_in_viewport(ratio=1)
    assert call.evaluate(
        """() => {
             const [picture, dock] = ["frame", "mute"].map((id) =>
               document.getElementById(id).getBoundingClientRect());
             return picture.bottom <= dock.top;
           }"""
    )
    expand.click()
    call.wait_for_function("!document.fullscreenElement")
    expect(expand).to_have_accessible_name("Fill the screen")


def test_a_screen_that_cannot_be_filled_changes_nothing(call: Page) -> None:
    call.evaluate(
        """() => {
             const refuse = () => Promise.reject(new TypeError("by the test"));
             Element.prototype.requestFullscreen = refuse;
           }"""
    )
    with call.expect_console_message(lambda message: "by the test" in message.text):
        call.click("#expand")


def test_m_mutes_but_not_in_a_field(call: Page) -> None:
    call.keyboard.press("m")
    expect(call.locator("#mute")).to_have_attribute("aria-pressed", "true")
    wait_for_heard(call, "pause", [{"paused": False}, {"paused": True}])
    call.focus("#microphone")
    call.keyboard.press("m")
    call.focus("#head-speed")
    call.keyboard.press("Control+m")
    expect(call.locator("#mute")).to_have_attribute("aria-pressed", "true")
    call.keyboard.press("M")
    expect(call.locator("#mute")).to_have_attribute("aria-pressed", "false")
    expect(call.locator("#mute")).to_have_attribute("title", re.compile("M$"))


def test_m_is_a_letter_while_a_question_is_asked(call: Page) -> None:
    call.set_input_files("#portrait-file", files=[ME])
    expect(call.locator("#consent-check")).to_be_focused()
    call.keyboard.press("m")
    call.click("#consent-cancel")
    call.keyboard.press("m")
    expect(call.locator("#mute")).to_have_attribute("aria-pressed", "true")
