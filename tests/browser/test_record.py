"""A call is recorded from the page, and what is saved plays."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import ORIGIN, serve_page
from tests.browser.live_page import live_page
from tests.browser.serving import Served, serve
from tests.browser.test_page import problem
from tests.server.media import decoded, stamps

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_FILE_LIMIT_MS = 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "small.toml"
    config.write_text(f'[video]\nsize_px = 256\n[recording]\nfolder = "{folder}"\n')
    with serve("--port", "0", "--config", str(config)) as served:
        yield served


@pytest.mark.usefixtures("awake_machine")
def test_a_call_is_recorded_and_saved(browser: Browser, server: Served, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with live_page(browser, server.url) as page:
        record = page.locator("#record")
        record.click()
        expect(record).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#badge")).to_have_text("Recording")
        expect(record.locator(".disc")).to_have_css("background-color", "rgb(211, 32, 42)")
        page.wait_for_function(
            """(start) => document.getElementById("live").currentTime > start + 3""",
            arg=page.evaluate("document.getElementById('live').currentTime"),
        )
        record.click()
        expect(page.locator(".save")).to_be_visible(timeout=_FILE_LIMIT_MS)
        expect(record).to_have_attribute("aria-pressed", "false")
        with page.expect_download(timeout=_FILE_LIMIT_MS) as saved:
            page.locator(".save").click()
        saved.value.save_as(path)
    assert saved.value.suggested_filename.endswith(".mp4")
    assert decoded(path)[0] > 25
    ends = [float(stamps(path, kind)[-1]) for kind in ("video", "audio")]
    assert min(ends) > 2
    assert abs(ends[0] - ends[1]) < 0.5


def test_there_is_nothing_to_record_without_a_call(served_page: Page) -> None:
    expect(served_page.locator("#record")).to_be_disabled()
    expect(served_page.locator(".save")).to_have_count(0)


# A button to save the recording "abc" with, of a server that is asked again at once.
_SHOW_SAVE = """async (origin) => {
  const { SaveButtons } = await import("/save_buttons.js");
  window.told = [];
  const onError = (error) => told.push([error.kind, error.detail]);
  const api = { fetch: (url) => fetch(url), key: { value: "" } };
  new SaveButtons(document.getElementById("saves"), origin, api, onError, 10).offer("abc");
}"""


def test_a_recording_that_is_gone_is_told(served_page: Page) -> None:
    served_page.route(
        "**/v1/recordings/*",
        lambda route: problem(route, 404, "unknown-recording", "there is no such recording"),
    )
    served_page.evaluate(_SHOW_SAVE, ORIGIN)
    served_page.click(".save")
    served_page.wait_for_function("told.length > 0")
    assert served_page.evaluate("told") == [["recording-gone", "there is no such recording"]]


def test_a_recording_that_still_runs_is_waited_for(served_page: Page) -> None:
    answers = iter(["recording-runs"] * 3)
    labels: list[str] = []

    def answer(route: Route) -> None:
        labels.append(served_page.locator(".save").inner_text())
        if code := next(answers, None):
            problem(route, 409, code, "stop it first")
        else:
            route.fulfill(body="film", content_type="video/mp4")

    served_page.route("**/v1/recordings/abc", answer)
    served_page.evaluate(_SHOW_SAVE, ORIGIN)
    with served_page.expect_download() as saved:
        served_page.click(".save")
    assert saved.value.suggested_filename == "abc.mp4"
    assert labels[:4] == ["Saving…"] * 4
    expect(served_page.locator(".save")).to_have_text("Save the recording")
    assert served_page.evaluate("told") == []


def serve_recordings(page: Page) -> None:
    """Serve the page, and recordings that were made before it was loaded; one still runs."""
    serve_page(page)
    known = [
        {"id": f"film-{day}", "began": f"2026-11-0{day}T10:00:00Z", "running": day == 6}
        for day in range(1, 7)
    ]
    page.route("**/v1/recordings", lambda route: route.fulfill(json=known))
    page.route(
        "**/v1/recordings/*", lambda route: route.fulfill(body="film", content_type="video/webm")
    )


def test_what_was_recorded_before_the_page_was_loaded_can_be_saved(page: Page) -> None:
    serve_recordings(page)
    page.goto(ORIGIN)
    saves = page.locator(".save")
    expect(saves).to_have_text([re.compile(f"Save recording of Nov {day}, 2026") for day in "345"])
    with page.expect_download() as saved:
        saves.last.click()
    assert saved.value.suggested_filename == "film-5.webm"
    assert saved.value.url == f"{ORIGIN}/v1/recordings/film-5", "not through the page's memory"
    expect(saves.last).to_contain_text("Save recording of Nov 5")


def test_a_key_is_sent_for_a_recording(page: Page) -> None:
    serve_recordings(page)
    page.goto(f"{ORIGIN}/#key=lk_a_b")
    with (
        page.expect_request("**/v1/recordings/film-5") as asked,
        page.expect_download() as saved,
    ):
        page.locator(".save").last.click()
    assert asked.value.headers["authorization"] == "Bearer lk_a_b"
    assert saved.value.suggested_filename == "film-5.webm"


@pytest.mark.parametrize(("status", "code"), [(403, "insufficient-scope"), (404, ""), (500, "")])
def test_who_may_not_list_recordings_is_told_nothing(page: Page, status: int, code: str) -> None:
    serve_page(page)
    page.route("**/v1/recordings", lambda route: problem(route, status, code, "by the test"))
    with page.expect_response("**/v1/recordings"):
        page.goto(ORIGIN)
    page.wait_for_selector("#start:enabled")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator(".save")).to_have_count(0)
