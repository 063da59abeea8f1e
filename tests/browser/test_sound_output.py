"""Sound has a way to the loudspeaker before it comes."""

import pytest
from playwright.sync_api import Page

from tests.browser.test_modules import run

pytestmark = pytest.mark.browser

# An output that opens when it is told to. `opened` are all that were made.
_SLOW_OUTPUT = """
const Real = AudioContext;
const opened = [];
AudioContext = class extends EventTarget {
  state = 'suspended';
  constructor() { super(); opened.push(this); }
  become(state) { this.state = state; this.dispatchEvent(new Event('statechange')); }
  close() { this.become('closed'); }
};
const press = (hasBeenActive) => Object.defineProperty(navigator, 'userActivation', {
  value: { hasBeenActive }, configurable: true,
});
const putBack = () => { AudioContext = Real; delete navigator.userActivation; };
const turn = () => new Promise((resolve) => setTimeout(resolve));
"""
_VIEWER = """
const { Viewer } = await load('whep');
let offers = 0;
const api = { fetch: async () => { offers += 1; return new Promise(() => undefined); } };
const offered = () => new Promise((resolve) => setTimeout(() => resolve(offers), 100));
const offering = async () => {
  for (let turns = 0; offers === 0 && turns < 100; turns += 1) await offered();
  return offers;
};
const viewer = new Viewer(document.baseURI, api, { onState() {}, onStream() {} });
"""


def test_an_output_that_opens_is_waited_for_and_one_that_does_not_is_not(idle_page: Page) -> None:
    waited = run(
        idle_page,
        f"""{_SLOW_OUTPUT}
            const {{ untilRunning }} = await load('sound_output');
            const told = [];
            const quick = new AudioContext(), dead = new AudioContext();
            untilRunning(quick).then(() => told.push('quick'));
            await turn();
            told.push('asked');
            quick.become('running');
            await untilRunning(quick);
            await untilRunning(dead, 1);
            putBack();
            return [...told, dead.state]""",
    )
    assert waited == ["asked", "quick", "suspended"]


def test_who_watches_offers_once_sound_can_be_heard(idle_page: Page) -> None:
    offers = run(
        idle_page,
        f"""{_SLOW_OUTPUT}{_VIEWER}
            press(true);
            viewer.watch('ann');
            const found = [await offered()];
            opened[0].become('running');
            found.push(await offering());
            viewer.stop();
            putBack();
            return [...found, opened.length, opened[0].state]""",
    )
    assert offers == [0, 1, 1, "closed"]


def test_who_stops_before_that_offers_nothing(idle_page: Page) -> None:
    offers = run(
        idle_page,
        f"""{_SLOW_OUTPUT}{_VIEWER}
            press(true);
            viewer.watch('ann');
            viewer.stop();
            putBack();
            return [await offered(), opened[0].state]""",
    )
    assert offers == [0, "closed"]


def test_nobody_waits_for_sound_on_a_page_that_was_not_pressed(idle_page: Page) -> None:
    offers = run(
        idle_page,
        f"""{_SLOW_OUTPUT}{_VIEWER}
            press(false);
            viewer.watch('ann');
            const found = await offering();
            viewer.stop();
            putBack();
            return [found, opened.length]""",
    )
    assert offers == [1, 0]


def test_nobody_waits_for_sound_where_there_is_no_output(idle_page: Page) -> None:
    offers = run(
        idle_page,
        f"""{_SLOW_OUTPUT}{_VIEWER}
            press(true);
            AudioContext = class {{ constructor() {{ throw new Error('by the test'); }} }};
            viewer.watch('ann');
            const found = await offering();
            viewer.stop();
            putBack();
            return found""",
    )
    assert offers == 1


def test_a_microphone_needs_no_level_meter(idle_page: Page) -> None:
    opened = run(
        idle_page,
        f"""{_SLOW_OUTPUT}
            const {{ Microphone }} = await load('microphone');
            const world = new Real();
            const {{ getUserMedia }} = navigator.mediaDevices;
            navigator.mediaDevices.getUserMedia = async () =>
              world.createMediaStreamDestination().stream;
            const microphone = new Microphone({{ onEnded() {{}}, onSilenced() {{}} }});
            const found = [];
            AudioContext = class {{ constructor() {{ throw new Error('by the test'); }} }};
            found.push((await microphone.open('', {{}})).readyState, microphone.level());
            microphone.close();
            AudioContext = class extends Real {{
              constructor() {{ super(); opened.push(this); }}
              createMediaStreamSource() {{ throw new DOMException('by the test'); }}
            }};
            found.push((await microphone.open('', {{}})).readyState, microphone.level());
            microphone.close();
            found.push(opened[0].state);
            await world.close();
            Object.assign(navigator.mediaDevices, {{ getUserMedia }});
            putBack();
            return found""",
    )
    assert opened == ["live", 0, "live", 0, "closed"]
