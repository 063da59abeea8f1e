"""The main job in Firefox, where one is installed: it offers, starts and remembers other things."""

from collections.abc import Iterator

import pytest

from tests.browser import firefox
from tests.browser.firefox import FirefoxPage
from tests.browser.serving import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_SHOWN_LIMIT_S = 60.0
# `received(kind)` is what the newest connection says of the stream that it receives.
_KEEP_CONNECTION = """
(() => {
  let newest;
  const Real = RTCPeerConnection;
  RTCPeerConnection = class extends Real {
    constructor(...given) {
      super(...given);
      newest = this;
    }
  };
  window.received = async (kind) => [...(await newest.getStats()).values()].find(
    (stat) => stat.type === "inbound-rtp" && stat.kind === kind);
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, small_server: Served) -> Iterator[FirefoxPage]:
    """Yield the page, without a call; an error that its scripts do not handle fails the test."""
    executable = firefox.find()
    if executable is None:
        pytest.skip("no Firefox: apt install firefox-esr (Debian), or set FIREFOX=/path/to/it")
    with firefox.firefox(executable, tmp_path_factory.mktemp("firefox")) as opened:
        opened.go_to(small_server.url)
        wait_for_portraits(opened)
        yield opened
        assert opened.errors == []


def wait_for_portraits(page: FirefoxPage) -> None:
    page.wait_for("!document.getElementById('start').disabled")


@pytest.fixture(scope="module")
def call(page: FirefoxPage) -> Iterator[FirefoxPage]:
    """Yield the page in a call whose picture moves."""
    page.evaluate(_KEEP_CONNECTION)
    page.click("#start")
    page.wait_for("document.querySelector('#frame.moving') !== null", _SHOWN_LIMIT_S)
    yield page
    page.click("#start")
    page.wait_for("document.body.dataset.call === 'idle'")


def test_a_reload_leaves_no_strength_to_set_without_an_expression(page: FirefoxPage) -> None:
    page.click("input[name=expression][value=happy]")
    assert page.evaluate("document.getElementById('strength').disabled") is False
    page.reload()
    wait_for_portraits(page)
    assert page.evaluate("document.querySelector('input[name=expression]:checked').value") == (
        "neutral"
    )
    assert page.evaluate("document.getElementById('strength').disabled") is True


def test_pictures_keep_coming(call: FirefoxPage) -> None:
    before = call.evaluate("received('video')")["framesDecoded"]
    call.wait_for(f"received('video').then(({{ framesDecoded }}) => framesDecoded > {before} + 10)")


def test_the_voice_comes_back(call: FirefoxPage) -> None:
    call.wait_for("received('audio').then(({ totalAudioEnergy }) => totalAudioEnergy > 0.001)")


def test_the_panel_shows_figures(call: FirefoxPage) -> None:
    for figure in ("fps", "latency", "skew"):
        call.wait_for(f"/\\d/.test(document.getElementById('{figure}').textContent)")
