"""A page in a call with a real server, watched by the probe."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from tests.browser.mouth_box import mouth_box
from tests.browser.recording import install_probe, watch_mouth

_FIRST_FRAME_LIMIT_MS = 20_000


@contextmanager
def live_page(browser: Browser, url: str) -> Iterator[Page]:
    """Open the page at `url`, press Start with its default portrait; yield once it moves.

    Its head is held as still as the page's control allows.
    """
    with urllib.request.urlopen(f"{url}/v1/portraits/astronaut/image") as answer:
        box = mouth_box(answer.read())
    with browser.new_context(permissions=["microphone"], bypass_csp=True) as context:
        page = context.new_page()
        install_probe(page)
        page.goto(url)
        watch_mouth(page, box)
        page.click("#start:enabled")
        page.wait_for_selector("#frame.moving", timeout=_FIRST_FRAME_LIMIT_MS)
        # A lively head carries the mouth out of the box, and counts as movement of it.
        page.locator("#head-speed").fill("0")
        yield page
        page.click("#start")
        page.wait_for_selector("body[data-call=idle]")
