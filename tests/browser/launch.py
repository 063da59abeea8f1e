"""A headless Chromium whose microphone is a WAV file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PROBE = Path(__file__).with_name("probe.js")

# Without these a browser on a machine with two cores spends some of them on itself.
_QUIET = (
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    # A page that a test answers itself comes from nowhere: its sockets to this machine are refused.
    "--disable-features=LocalNetworkAccessChecks,MediaRouter,OptimizationHints,Translate",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
)


@contextmanager
def chromium_hearing(speech_wav: Path, executable: Path) -> Iterator[Browser]:
    """Yield a browser whose only microphone plays `speech_wav`, over and over."""
    arguments = [
        *_QUIET,
        # What a context was not granted (permissions=["microphone"]) is refused, not asked.
        "--deny-permission-prompts",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-gpu",
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech_wav}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
