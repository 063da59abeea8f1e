"""A browser that hears speech, and the page without its server."""

import email
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Request, Route, expect

from benchmarks.record import measure_baseline
from server.consent import WORDS
from tests.browser.bursts import speech_bursts, write_wav
from tests.browser.launch import chromium_hearing
from tests.browser.serving import Served, serve

CLIENT = Path(__file__).resolve().parents[2] / "client_web"
_PAGE_SERVER = Path(__file__).with_name("page_server.js")
# Nothing listens there: every request is answered by a test. localhost counts as secure.
ORIGIN = "http://localhost:9"
# Of the benchmarks' fixed piece of work, on one core; 20 to 22 ms where the README's figures were
# taken.
MOST_BASELINE_MS = 28.0
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

PORTRAITS = [
    {"id": name, "title": title, "credit": credit, "image_url": f"/v1/portraits/{name}/image"}
    for name, title, credit in (
        ("astronaut", "Astronaut", "NASA, public domain"),
        ("morisot", "Self-Portrait, 1885", "Berthe Morisot, public domain"),
    )
]


@pytest.fixture(scope="session")
def bursts_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 24 single words with silences between, about a minute."""
    path = tmp_path_factory.mktemp("speech") / "bursts.wav"
    write_wav(path, speech_bursts(24)[0])
    return path


@pytest.fixture(scope="module")
def awake_machine() -> None:
    """Skip where a call cannot be live, as work that is none of the product's shows."""
    took_ms = measure_baseline().median
    if took_ms > MOST_BASELINE_MS:
        pytest.skip(
            f"this machine takes {took_ms:.0f} ms for the benchmarks' baseline, expected"
            f" {MOST_BASELINE_MS:g} or less: run it again on a faster or an idle one"
        )


# Of one module, no longer: an open Playwright keeps an event loop running in this thread, and
# asynchronous tests of other modules need their own.
@pytest.fixture(scope="module")
def browser(bursts_wav: Path, chromium: Path) -> Iterator[Browser]:
    with chromium_hearing(bursts_wav, chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve small pictures: a browser, its recorder and the server share a busy machine's cores."""
    config = tmp_path_factory.mktemp("server") / "small.toml"
    config.write_text("[video]\nsize_px = 256\n")
    with serve("--port", "0", "--config", str(config)) as served:
        yield served


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield an empty page; an error that its scripts do not handle fails the test."""
    with browser.new_context(permissions=["microphone"]) as context:
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        assert errors == []


@pytest.fixture(scope="module")
def idle_page(browser: Browser) -> Iterator[Page]:
    """Yield one empty page for all tests of a module that only import the client's modules."""
    with browser.new_context() as context:
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        serve_page(opened)
        empty = f"{ORIGIN}/empty"
        opened.route(empty, lambda route: route.fulfill(body="", content_type="text/html"))
        opened.goto(empty)
        yield opened
        assert errors == []


def serve_page(page: Page, origin: str = ORIGIN) -> None:
    """Answer the page's files, the portraits and the words of consent, but no calls."""
    images = CLIENT / "portraits"

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(origin).partition("?")[0]
        if path == "/v1/portraits":
            route.fulfill(body=json.dumps(PORTRAITS), content_type="application/json")
        elif path == "/v1/avatars":
            route.fulfill(body="[]", content_type="application/json")
        elif path == "/v1/consent":
            route.fulfill(body=json.dumps({"words": WORDS}), content_type="application/json")
        elif path.startswith("/v1/portraits/"):
            name = path.split("/")[3]
            route.fulfill(body=(images / f"{name}.jpg").read_bytes(), content_type="image/jpeg")
        elif (file := CLIENT / (path.removeprefix("/") or "index.html")).is_file():
            kind = _TYPES.get(file.suffix, "image/svg+xml")
            route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            route.fulfill(status=404, body="")

    page.route(f"{origin}/**", answer)


@pytest.fixture
def served_page(page: Page) -> Page:
    """Return the page, open and with its portraits, without a server behind it."""
    serve_page(page)
    page.goto(ORIGIN)
    page.wait_for_selector("#start:enabled")
    return page


@pytest.fixture
def idle_call(page: Page) -> Page:
    """The page, before its first call."""
    page.add_init_script(path=_PAGE_SERVER)
    serve_page(page)
    page.goto(ORIGIN)
    page.wait_for_selector("#start:enabled")
    return page


@pytest.fixture
def call(idle_call: Page) -> Page:
    """The page in a call that is live."""
    idle_call.click("#start")
    expect_live(idle_call)
    return idle_call


def expect_live(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-call", "live")
    page.wait_for_selector("#frame.moving")
    page.wait_for_function("likenessServer.calls.at(-1).channel?.readyState === 'open'")


def add_portrait(page: Page, file: FilePayload) -> None:
    """Choose a file, and agree to what the page asks then."""
    page.set_input_files("#portrait-file", files=[file])
    page.check("#consent-check")
    page.click("#consent .yes")


def form_fields(request: Request) -> dict[str, bytes]:
    """Return what the page sent as a form (RFC 7578), by field."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + (request.post_data_buffer or b""))
    fields = {}
    for part in form.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content
    return fields
