"""The page's microphone: one that comes late, that is busy, unplugged or muted by the system."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_modules import run
from tests.browser.test_page import expect_notice, fail_microphone, problem

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

# An output that never opens; `patience()` ends the wait for it. `give()` makes the next stream. The
# page is the next test's, too: `putBack()`.
_DEAD_OUTPUT = """
const { Microphone } = await load('microphone');
const Real = AudioContext;
AudioContext = class extends Real {
  get state() { return 'suspended'; }
  addEventListener() {}
};
const world = new Real();
const seconds = setTimeout;
let patience = () => undefined;
window.setTimeout = (run) => { patience = run; };
const give = () => {
  const { stream } = world.createMediaStreamDestination();
  navigator.mediaDevices.getUserMedia = async () => stream;
  return stream.getTracks()[0];
};
const until = async (reached) => {
  for (let turns = 0; !reached(); turns += 1) {
    if (turns === 500) throw new Error(`never: ${reached}`);
    await new Promise((resolve) => seconds(resolve, 10));
  }
};
const microphone = new Microphone({ onEnded() {}, onSilenced() {} });
const { getUserMedia } = navigator.mediaDevices;
const putBack = () => {
  microphone.close();
  world.close();
  Object.assign(window, { AudioContext: Real, setTimeout: seconds });
  Object.assign(navigator.mediaDevices, { getUserMedia });
};
"""


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


def test_who_waits_for_a_permission_can_cancel(served_page: Page) -> None:
    served_page.evaluate(_HOLD)
    start = served_page.locator("#start")
    start.click()
    wait_for_state(served_page, 0, "live")
    expect(start).to_have_text("Cancel")
    expect(served_page.locator("#status")).to_have_text("Waiting for your microphone…")
    start.click()
    expect(start).to_have_text("Start")
    expect(served_page.locator("#status")).to_have_text("Press Start, and speak.")
    start.click()
    wait_for_state(served_page, 1, "live")
    release(served_page, 0)
    wait_for_state(served_page, 0, "ended")
    expect(start).to_have_text("Cancel")
    start.click()
    expect(served_page.locator("body")).to_have_attribute("data-call", "idle")


def test_one_that_is_busy_is_not_chosen_and_the_one_before_goes_on(calling_page: Page) -> None:
    calling_page.evaluate(
        "document.getElementById('microphone').append(new Option('Busy', 'busy'))"
    )
    fail_microphone(calling_page, "NotReadableError")
    calling_page.select_option("#microphone", "busy")
    expect_notice(calling_page, "The microphone is in use", "The one before goes on.")
    expect(calling_page.locator("#microphone")).to_have_value("")
    calling_page.click("#echo-cancellation")
    expect(calling_page.locator("#echo-cancellation")).to_be_checked()
    wait_for_state(calling_page, 0, "live")
    expect(calling_page.locator("body")).to_have_attribute("data-call", "waiting")


def unplug(page: Page, number: int) -> None:
    page.evaluate(f"opened[{number}].track.dispatchEvent(new Event('ended'))")


def test_the_default_one_takes_the_place_of_one_that_is_unplugged(calling_page: Page) -> None:
    unplug(calling_page, 0)
    wait_for_state(calling_page, 1, "live")
    release(calling_page, 1)
    expect_notice(calling_page, "Your microphone is gone", "the default one")
    expect(calling_page.locator("body")).to_have_attribute("data-call", "waiting")
    wait_for_state(calling_page, 0, "ended")


def test_the_call_ends_when_the_only_one_is_unplugged(calling_page: Page) -> None:
    fail_microphone(calling_page, "NotFoundError")
    unplug(calling_page, 0)
    expect_notice(calling_page, "No microphone found", "Plug one in")
    expect(calling_page.locator("body")).to_have_attribute("data-call", "idle")


def test_a_level_meter_that_the_system_suspends_goes_on(served_page: Page) -> None:
    served_page.route("**/v1/calls*", lambda route: problem(route, 503, "server-full", ""))
    served_page.evaluate(
        """() => {
             const Real = AudioContext;
             AudioContext = class extends Real {
               constructor() { super(); window.meter = this; }
             };
           }"""
    )
    served_page.click("#start")
    served_page.wait_for_function("window.meter?.state === 'running'")
    served_page.evaluate("meter.suspend()")
    served_page.wait_for_function("meter.state === 'running'")


def test_one_that_the_system_mutes_is_told(idle_page: Page) -> None:
    told = idle_page.evaluate(
        """async () => {
             const { Microphone } = await import("/microphone.js");
             const [track] = new AudioContext().createMediaStreamDestination().stream.getTracks();
             navigator.mediaDevices.getUserMedia = async () => new MediaStream([track]);
             const told = [];
             const microphone = new Microphone({
               onSilenced: () => told.push(microphone.silenced), onEnded() {},
             });
             await microphone.open("", {});
             for (const [muted, change] of [[true, "mute"], [false, "unmute"]]) {
               Object.defineProperty(track, "muted", { value: muted, configurable: true });
               track.dispatchEvent(new Event(change));
             }
             microphone.close();
             return told;
           }"""
    )
    assert told == [True, False]


def test_one_that_replaces_another_is_not_held_back(idle_page: Page) -> None:
    replaced = run(
        idle_page,
        f"""{_DEAD_OUTPUT}
            const before = give(), opening = microphone.open('', {{}});
            await until(() => microphone.track === before);
            patience();
            const first = await opening, next = give();
            const late = new Promise((resolve) => seconds(() => resolve('late'), 5_000));
            const second = await Promise.race([microphone.open('', {{}}), late]);
            const found = [first === before, second === next, before.readyState, next.readyState];
            putBack();
            return found""",
    )
    assert replaced == [True, True, "ended", "live"]


def test_one_that_is_gone_before_a_call_begins_is_told(idle_page: Page) -> None:
    told = run(
        idle_page,
        f"""{_DEAD_OUTPUT}
            const gone = give(), opening = microphone.open('', {{}});
            await until(() => microphone.track === gone);
            gone.stop();
            patience();
            const kind = await opening.then(() => 'opened', (error) => error.kind);
            const found = [kind, microphone.track];
            putBack();
            return found""",
    )
    assert told == ["microphone-missing", None]


def test_one_that_comes_dead_replaces_none(idle_page: Page) -> None:
    told = run(
        idle_page,
        f"""{_DEAD_OUTPUT}
            const before = give(), opening = microphone.open('', {{}});
            await until(() => microphone.track === before);
            patience();
            await opening;
            give().stop();
            const reopening = microphone.open('', {{}});
            const kind = await reopening.then(() => 'opened', (error) => error.kind);
            const found = [kind, microphone.track === before, before.readyState];
            putBack();
            return found""",
    )
    assert told == ["microphone-missing", True, "live"]


def test_a_call_does_not_wait_for_the_names_of_microphones(served_page: Page) -> None:
    served_page.route("**/v1/calls*", lambda route: problem(route, 503, "server-full", ""))
    served_page.evaluate(
        "() => { navigator.mediaDevices.enumerateDevices = () => new Promise(() => undefined) }"
    )
    served_page.click("#start")
    expect(served_page.locator("body")).to_have_attribute("data-call", "waiting")
