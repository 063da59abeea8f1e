"""The page says so when the server falls behind, and when the network does."""

import pytest
from playwright.sync_api import Page

from tests.browser.test_modules import run

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("fps", "behind"),
    [
        ([3] * 4, False),
        ([3] * 5, True),
        ([25, 25, 0, 25, 25], False),
        ([3] * 5 + [20] * 9, True),
        ([3] * 5 + [24] * 5, False),
    ],
)
def test_a_server_is_behind_when_it_sends_too_few_pictures_for_seconds(
    idle_page: Page, fps: list[int], behind: bool
) -> None:
    body = """const { Pace } = await load('pace'); const pace = new Pace();
              for (const each of argument) pace.observe(each, 0); return pace.behind"""
    assert run(idle_page, body, fps) is behind


@pytest.mark.parametrize(
    ("rungs", "coarse"),
    [([0] * 9, False), ([1] * 4, False), ([1, 1, 2, 3, 3], True), ([1] * 5 + [0], False)],
)
def test_a_picture_is_coarse_when_its_bitrate_is_halved_for_seconds(
    idle_page: Page, rungs: list[int], coarse: bool
) -> None:
    body = """const { Pace } = await load('pace'); const pace = new Pace();
              for (const each of argument) pace.observe(25, each); return pace.coarse"""
    assert run(idle_page, body, rungs) is coarse


_STATUS = """
const { StatusLine } = await load('status_line');
const line = document.createElement('p'), badge = document.createElement('p');
new StatusLine({ line, badge }).show(argument);
return [line.textContent, badge.textContent]"""


@pytest.mark.parametrize(
    ("situation", "line", "badge"),
    [
        ({"behind": True, "recording": True}, "The server is too busy", "Recording"),
        ({"behind": True, "muted": True}, "Muted", "Muted"),
        ({"coarse": True}, "Your network is slow", "Live"),
        ({"coarse": True, "behind": True}, "The server is too busy", "Live"),
        ({"silenced": True}, "The system has muted your microphone.", "Muted"),
        ({"interrupted": True, "recording": True}, "The connection is interrupted", "Interrupted"),
    ],
)
def test_the_status_tells_what_is_wrong_in_a_live_call(
    idle_page: Page, situation: dict[str, bool], line: str, badge: str
) -> None:
    said = run(idle_page, _STATUS, {"call": "live", **situation})
    assert said[0].startswith(line)
    assert said[1] == badge
    assert run(idle_page, _STATUS, {"call": "idle", **situation})[0] == "Choose a portrait."
