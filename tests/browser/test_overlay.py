"""The overlay, on the real server: the person alone, over nothing or what its address asks for."""

import io
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.serving import Served, serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SIDE_PX = 256
_SHOWN_LIMIT_MS = 60_000
# Of the astronaut: beside her head, and between her eyes.
CORNERS = ((4, 4), (4, 251), (40, 8), (40, 248))
FACE = (slice(95, 150), slice(95, 150))
# As Chromium does now and then on a busy machine.
_FIRST_PICTURE_TOO_EARLY = """
const real = HTMLVideoElement.prototype.requestVideoFrameCallback;
HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
  return real.call(this, (...given) => {
    const isFirst = window.shownAtFirst === undefined;
    if (isFirst) Object.defineProperty(this, "readyState", { configurable: true, value: 0 });
    callback(...given);
    if (isFirst) window.shownAtFirst = document.body.dataset.shown === "true";
    if (isFirst) delete this.readyState;
  });
};
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("server") / "small.toml"
    path.write_text(f"[video]\nsize_px = {SIDE_PX}\n[performance]\nlinger_s = 600\n")
    return path


@pytest.fixture(scope="module")
def server(config: Path) -> Iterator[Served]:
    with serve("--port", "0", "--config", str(config)) as served:
        go_live(served.url)
        yield served


def go_live(url: str) -> None:
    live = urllib.request.Request(f"{url}/v1/avatars/astronaut/live", method="PUT")
    with urllib.request.urlopen(live) as answer:
        assert answer.status == 200


@contextmanager
def overlay(browser: Browser, url: str, query: str = "") -> Iterator[Page]:
    """Open the overlay as OBS does: as large as the picture."""
    with browser.new_context(viewport={"width": SIDE_PX, "height": SIDE_PX}) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/overlay/astronaut{query}")
        yield page
        assert errors == []


def shown(page: Page) -> NDArray[np.int64]:
    """What the page shows once it shows somebody: (SIDE_PX, SIDE_PX, 4) RGBA."""
    page.wait_for_selector("body[data-shown=true]", timeout=_SHOWN_LIMIT_MS)
    page.wait_for_function("getComputedStyle(person).opacity === '1'")
    return seen(page)


def seen(page: Page) -> NDArray[np.int64]:
    png = page.screenshot(omit_background=True)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(np.int64)


def check_person_over(picture: NDArray[np.int64], is_behind: Callable[..., bool]) -> None:
    for row, column in CORNERS:
        assert is_behind(picture[row, column]), f"{picture[row, column]} at {row}, {column}"
    assert (picture[FACE][..., 3] == 255).all()
    red, _, blue = picture[FACE][..., :3].mean(axis=(0, 1))
    assert red > blue + 20, "skin"


def test_it_is_transparent_beside_the_person_and_opaque_inside(
    browser: Browser, server: Served
) -> None:
    with overlay(browser, server.url) as page:
        picture = shown(page)
        check_person_over(picture, lambda pixel: pixel[3] == 0)
        partly = (picture[..., 3] > 20) & (picture[..., 3] < 235)
        assert 0.001 < partly.mean() < 0.1, "a soft edge, and no haze"
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_it_moves(browser: Browser, server: Served) -> None:
    with overlay(browser, server.url) as page:
        first = shown(page)
        for _ in range(40):
            page.wait_for_timeout(250)
            if np.abs(seen(page) - first)[FACE].max() > 30:
                return
        pytest.fail("the face stood still for 10 s")


def test_a_picture_that_cannot_be_drawn_yet_shows_nobody(browser: Browser, server: Served) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(_FIRST_PICTURE_TOO_EARLY)
        page.goto(f"{server.url}/overlay/astronaut")
        page.wait_for_selector("body[data-shown=true]", timeout=_SHOWN_LIMIT_MS)
        assert page.evaluate("shownAtFirst") is False


def test_colours_may_be_behind_the_person(browser: Browser, server: Served) -> None:
    with overlay(browser, server.url, "?background=%23ff00ff&muted") as page:
        picture = shown(page)
        check_person_over(picture, lambda pixel: list(pixel) == [255, 0, 255, 255])
    with overlay(browser, server.url, "?background=chroma") as page:
        check_person_over(shown(page), lambda pixel: list(pixel) == [0, 255, 0, 255])


def test_the_own_background_blurred_knows_no_person(browser: Browser, server: Served) -> None:
    with overlay(browser, server.url, "?background=blur") as page:
        shown(page)
        page.wait_for_selector("#backdrop:not([hidden])")
        page.evaluate("person.style.display = 'none'")
        background = seen(page)
    assert (background[..., 3] > 250).all()
    # The astronaut stands before a light wall; her dark hair and skin are not in it.
    assert background[:150, ..., :3].min() > 110
    assert np.abs(np.diff(background[..., :3], axis=1)).max() < 12, "blurred"


def test_without_webgl_it_looks_the_same(browser: Browser, server: Served) -> None:
    with browser.new_context(viewport={"width": SIDE_PX, "height": SIDE_PX}) as context:
        page = context.new_page()
        page.add_init_script(
            "const real = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
            "  return kind === 'webgl' ? null : real.call(this, kind, ...more); };"
        )
        page.goto(f"{server.url}/overlay/astronaut")
        check_person_over(shown(page), lambda pixel: pixel[3] == 0)


def test_it_waits_for_the_avatar_and_comes_back_after_a_restart(
    browser: Browser, config: Path
) -> None:
    arguments = ("--port", str(free_port()), "--config", str(config))
    with serve(*arguments) as served, overlay(browser, served.url) as page:
        page.wait_for_selector("body[data-state=waiting]")
        go_live(served.url)
        check_person_over(shown(page), lambda pixel: pixel[3] == 0)
        served.stop()
        page.wait_for_selector("body[data-state=waiting]", timeout=_SHOWN_LIMIT_MS)
        page.wait_for_selector("body[data-shown=false]", timeout=_SHOWN_LIMIT_MS)
        page.wait_for_function("getComputedStyle(person).opacity === '0'")
        assert (seen(page)[..., 3] == 0).all()
        with serve(*arguments) as again:
            go_live(again.url)
            check_person_over(shown(page), lambda pixel: pixel[3] == 0)
