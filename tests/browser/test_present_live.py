"""The presenter's page with the real server: a written text is seen and heard."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# Loudness of what the video element plays, the most of 5 s. The element itself stays audible.
LOUDEST = """async () => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  const video = document.getElementById("live");
  context.createMediaStreamSource(video.srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  const end = performance.now() + 5000;
  while (performance.now() < end && loudest < 0.05) {
    analyser.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples.map(Math.abs));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await context.close();
  return loudest;
}"""


def test_a_text_is_seen_and_heard_and_can_be_stopped(page: Page, small_server: Served) -> None:
    page.goto(f"{small_server.url}/present.html")
    page.fill("#text", "There is one sentence, and another. " * 20)
    page.click("#say:enabled")
    page.wait_for_selector("#frame.moving", timeout=30_000)
    current = page.locator("#queue [aria-current=true]")
    expect(current).to_have_text("There is one sentence, and another.", timeout=20_000)
    assert page.evaluate(LOUDEST) > 0.05
    page.click("#pause")
    expect(page.locator("#status")).to_have_text("Paused in mid-sentence.")
    page.click("#stop")
    expect(page.locator("#queue li")).to_have_count(0)
    expect(page.locator("#status")).to_have_text("Write something, and press Say.")
