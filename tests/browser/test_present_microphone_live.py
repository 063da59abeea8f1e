"""The presenter's page with the real server: one's own voice is seen and heard by who watches."""

import json
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Served
from tests.browser.test_present_live import LOUDEST

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def live(server: Served) -> Any:
    with urllib.request.urlopen(f"{server.url}/v1/avatars/astronaut/live") as answer:
        return json.load(answer)


def test_what_is_said_is_seen_and_heard_until_the_voice_is_let_go(
    page: Page, small_server: Served
) -> None:
    page.goto(f"{small_server.url}/present.html")
    page.click("#speak:enabled")
    page.wait_for_selector("#frame.moving", timeout=30_000)
    expect(page.locator("#status")).to_contain_text("You are speaking yourself.")
    assert live(small_server)["source"].startswith("the publisher")
    assert page.evaluate(LOUDEST) > 0.05
    with page.expect_response(lambda response: response.request.method == "DELETE") as let_go:
        page.click("#speak")
    assert let_go.value.ok
    found = live(small_server)
    assert (found["source"], found["viewers"]) == (None, 1)
    expect(page.locator("#frame")).to_have_class("frame moving")
