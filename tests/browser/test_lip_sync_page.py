"""What the page does about lips that a browser leaves early or late."""

import pytest
from playwright.sync_api import Page

from tests.browser.test_modules import run

pytestmark = pytest.mark.browser

# A browser that holds sound and picture for 50 ms each, or as long as it is asked to if that is
# longer, and whose picture is late by the first number's ms but for that; from the 30th reading on
# by the second's, and then it holds the picture as long as the third says; from the 60th on by the
# fourth's.
_HELD = """
const { LipSync } = await load('lip_sync');
const receivers = ['audio', 'video'].map((kind) => (
  { track: { kind }, jitterBufferTarget: null }
));
const own_ms = { audio: 50, video: 50 };
const held_ms = (kind) => Math.max(
  own_ms[kind], receivers.find(({ track }) => track.kind === kind).jitterBufferTarget ?? 0,
);
let late_ms = argument[0];
let readings = 0;
const pc = {
  getReceivers: () => receivers,
  async getStats() {
    readings += 1;
    if (readings === 30) {
      late_ms = argument[1] ?? late_ms;
      own_ms.video = argument[2] ?? own_ms.video;
    }
    if (readings === 60) late_ms = argument[3] ?? late_ms;
    const stats = ['audio', 'video'].map((kind) => [kind, {
      type: 'inbound-rtp',
      kind,
      estimatedPlayoutTimestamp: 1e6 - held_ms(kind) - (kind === 'video' ? late_ms : 0),
      jitterBufferTargetDelay: readings * held_ms(kind) / 1000,
      jitterBufferEmittedCount: readings,
    }]);
    return new Map(stats);
  },
};
const lipSync = new LipSync(pc, 2);
lipSync.start();
while (readings < 90) await new Promise((resolve) => setTimeout(resolve, 5));
lipSync.stop();
return [held_ms('audio'), held_ms('video')];
"""


@pytest.mark.parametrize(
    ("late_ms", "held_ms"),
    [
        ([-20], [50, 70]),  # an early picture waits
        ([20], [70, 50]),  # an early voice waits
        ([4], [50, 50]),  # too little to be seen
        ([80], [50, 50]),  # the browser corrects that itself
        ([-20, 0], [50, 50]),  # what is held is given back before anything else is held
        ([-20, 8], [58, 50]),
        ([-20, -11, 50, -2], [50, 52]),  # it is given back in vain only if nothing changes at once
        ([-20, -20, 85], [65, 85]),  # the browser holds the picture by itself: no use to give back
    ],
)
def test_what_is_early_is_held(idle_page: Page, late_ms: list[int], held_ms: list[int]) -> None:
    found: list[float] = run(idle_page, _HELD, late_ms)
    assert found == pytest.approx(held_ms, abs=1)


def test_a_browser_that_does_not_tell_is_left_alone(idle_page: Page) -> None:
    body = _HELD.replace("estimatedPlayoutTimestamp:", "untold:")
    assert run(idle_page, body, [-20]) == [50, 50]
