"""FFmpeg publishes by WHIP, and a browser watches by WHEP with a player that is not ours."""

import statistics
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.lip_sync import mouth_onset_ms, sound_onsets_ms
from tests.browser.mouth_box import mouth_box
from tests.browser.npm_package import npm_file
from tests.browser.recording import Recording, install_probe, record, watch_mouth
from tests.browser.serving import Served, serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AVATAR = "astronaut"
# By the author of RFC 9725.
PLAYER = ("whip-whep@1.2.0", "whep.js")
PLAYER_SHA256 = "7ebd73216be33f6aaaf97a7f532f209d51e189ad5b20ff3079fb8c94d54f1f03"
SETTLING_S = 8.0
RECORDED_S = 24.0
FIRST_FRAME_LIMIT_MS = 20_000
PAGE = f"""<!doctype html><video autoplay playsinline></video>
<script type="module">
  import {{ WHEPClient }} from "./whep.js";
  const pc = new RTCPeerConnection();
  pc.addTransceiver("audio", {{ direction: "recvonly" }});
  pc.addTransceiver("video", {{ direction: "recvonly" }});
  pc.addEventListener("track", ({{ streams: [stream] }}) => {{
    document.querySelector("video").srcObject = stream;
  }});
  window.player = new WHEPClient();
  await player.view(pc, new URL("/whep/{AVATAR}", location), null);
</script>"""


@contextmanager
def publishing(url: str, wav: Path) -> Iterator[None]:
    """Publish `wav`, over and over."""
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats"),
        *("-re", "-stream_loop", "-1", "-i", str(wav)),
        *("-c:a", "libopus", "-ar", "48000", "-ac", "2"),
        *("-f", "whip", f"{url}/whip/{AVATAR}"),
    ]
    with subprocess.Popen(command) as process:
        try:
            yield
            assert process.poll() is None, "FFmpeg ended by itself: it has printed why"
        finally:
            process.terminate()


@contextmanager
def watching(browser: Browser, url: str, player: str) -> Iterator[Page]:
    """Open a page of the server's own origin in which `player` plays the avatar."""
    with urllib.request.urlopen(f"{url}/v1/portraits/{AVATAR}/image") as answer:
        box = mouth_box(answer.read())

    def answer_page(route: Route) -> None:
        route.fulfill(body=PAGE, content_type="text/html")

    def answer_player(route: Route) -> None:
        route.fulfill(body=player, content_type="text/javascript")

    with browser.new_context() as context:
        page = context.new_page()
        install_probe(page)
        page.route(f"{url}/watch.html", answer_page)
        page.route(f"{url}/whep.js", answer_player)
        page.goto(f"{url}/watch.html")
        watch_mouth(page, box)
        page.wait_for_function("likenessProbe.frames.length > 0", timeout=FIRST_FRAME_LIMIT_MS)
        yield page
        page.evaluate("player.stop()")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve small pictures: a browser, its recorder and the server share a busy machine's cores."""
    config = tmp_path_factory.mktemp("server") / "small.toml"
    config.write_text("[video]\nsize_px = 256\n")
    with serve("--port", "0", "--config", str(config)) as served:
        yield served


@pytest.fixture(scope="module")
def recording(
    browser: Browser, server: Served, bursts_wav: Path, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    """Return what the player played once it had settled."""
    player = npm_file(*PLAYER, PLAYER_SHA256, tmp_path_factory.mktemp("npm"))
    begin = urllib.request.Request(f"{server.url}/v1/avatars/{AVATAR}/live", method="PUT")
    urllib.request.urlopen(begin).close()
    with publishing(server.url, bursts_wav), watching(browser, server.url, player) as page:
        record(page, SETTLING_S)
        return record(page, RECORDED_S)


def test_the_picture_moves(recording: Recording) -> None:
    shown = float(np.diff(recording.presented_frames).sum()) / RECORDED_S
    assert shown > 5, f"found {shown:.1f} pictures a second"
    changes = np.abs(np.diff(recording.mouths.astype(float), axis=0)).mean(axis=(1, 2))
    assert (changes > 1).sum() > 10


def test_the_words_are_heard(recording: Recording) -> None:
    onsets = sound_onsets_ms(recording.remote)
    assert len(onsets) >= 6, f"heard {len(onsets)} words, expected at least 6"


def test_the_mouth_opens_with_the_words(recording: Recording) -> None:
    shown = float(np.diff(recording.presented_frames).sum()) / RECORDED_S
    if shown < 20:
        pytest.skip(f"this machine is too busy to judge lips by: {shown:.1f} pictures a second")
    skews = [
        opened - at
        for at in sound_onsets_ms(recording.remote)
        if (opened := mouth_onset_ms(recording, at)) is not None
    ]
    assert len(skews) >= 4
    assert abs(statistics.median(skews)) < 150, skews
