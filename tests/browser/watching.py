"""FFmpeg that publishes to an avatar by WHIP, and a page that watches by WHEP; neither is ours."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
from playwright.sync_api import Browser, Page, Route

from tests.browser.npm_package import npm_file
from tests.browser.recording import Box, install_probe, watch_mouth

_FIRST_FRAME_LIMIT_MS = 20_000
_PAGE = """<!doctype html><video autoplay playsinline></video>
<script type="module">
  import {{ WHEPClient }} from "./whep.js";
  const pc = new RTCPeerConnection();
  pc.addTransceiver("audio", {{ direction: "recvonly" }});
  pc.addTransceiver("video", {{ direction: "recvonly" }});
  pc.addEventListener("track", ({{ streams: [stream] }}) => {{
    document.querySelector("video").srcObject = stream;
  }});
  window.player = new WHEPClient();
  await player.view(pc, new URL("/whep/{avatar}", location), null);
</script>"""


def npm_player(folder: Path) -> str:
    """Return the source of a WHEP player by the author of RFC 9725, fetched through `folder`."""
    sha256 = "7ebd73216be33f6aaaf97a7f532f209d51e189ad5b20ff3079fb8c94d54f1f03"
    return npm_file("whip-whep@1.2.0", "whep.js", sha256, folder)


@contextmanager
def publishing(url: str, wav: Path, avatar: str) -> Iterator[None]:
    """Publish `wav`, over and over."""
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats"),
        *("-re", "-stream_loop", "-1", "-i", str(wav)),
        *("-c:a", "libopus", "-ar", "48000", "-ac", "2"),
        *("-f", "whip", f"{url}/whip/{avatar}"),
    ]
    with subprocess.Popen(command) as process:
        try:
            yield
            assert process.poll() is None, "FFmpeg ended by itself: it has printed why"
        finally:
            process.terminate()


@contextmanager
def watching(browser: Browser, url: str, player: str, avatar: str, mouth: Box) -> Iterator[Page]:
    """Open a page of the server's own origin in which `player` plays the avatar."""

    def answer_page(route: Route) -> None:
        route.fulfill(body=_PAGE.format(avatar=avatar), content_type="text/html")

    def answer_player(route: Route) -> None:
        route.fulfill(body=player, content_type="text/javascript")

    with browser.new_context() as context:
        page = context.new_page()
        install_probe(page)
        page.route(f"{url}/watch.html", answer_page)
        page.route(f"{url}/whep.js", answer_player)
        page.goto(f"{url}/watch.html")
        watch_mouth(page, mouth)
        page.wait_for_function("likenessProbe.frames.length > 0", timeout=_FIRST_FRAME_LIMIT_MS)
        yield page
        page.evaluate("player.stop()")
