"""The page says so when the server falls behind."""

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
              for (const each of argument) pace.observe(each); return pace.behind"""
    assert run(idle_page, body, fps) is behind


def test_the_status_tells_of_a_busy_server_while_the_call_is_live(idle_page: Page) -> None:
    body = """const { StatusLine } = await load('status_line');
              const line = document.createElement('p'), badge = document.createElement('p');
              new StatusLine({ line, badge }).show({ behind: true, ...argument });
              return line.textContent"""
    assert "too busy" in run(idle_page, body, {"call": "live", "recording": True})
    assert "Muted" in run(idle_page, body, {"call": "live", "muted": True})
    assert "too busy" not in run(idle_page, body, {"call": "idle"})
