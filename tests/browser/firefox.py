"""A headless Firefox with a microphone that hums, where one is installed.

Playwright drives only a Firefox of its own: this one is asked by WebDriver BiDi
(https://w3c.github.io/webdriver-bidi/).
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("firefox", "firefox-esr")
_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # This machine may have no other network.
    "media.peerconnection.ice.loopback": True,
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://[\w.:\[\]]+)")
_ANSWER_LIMIT_S = 30.0
_STOP_LIMIT_S = 20.0
_LOOK_PERIOD_S = 0.25


def find() -> Path | None:
    """Return the browser to test with, or None; the environment's `FIREFOX` goes before all.

    Ubuntu's is a snap, whose sandbox hides the profile that a test makes.
    """
    if chosen := os.environ.get("FIREFOX"):
        return Path(chosen)
    found = [Path(path) for name in NAMES if (path := shutil.which(name))]
    return next((path for path in found if not _is_snap(path)), None)


def _is_snap(path: Path) -> bool:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True)
    return answer.returncode != 0 or "snap" in path.resolve().parts


class FirefoxPage:
    """Its only page. `errors` are those that its scripts did not handle, so far."""

    def __init__(self, connection: ClientConnection) -> None:
        self.errors: list[str] = []
        self._connection = connection
        self._ids = itertools.count(1)
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def go_to(self, url: str) -> None:
        """Return when the page is loaded."""
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self) -> None:
        """Return when the page is loaded again."""
        self._ask("browsingContext.reload", context=self._context, wait="complete")

    def click(self, selector: str) -> None:
        """Click, as a user does: the page may be heard from then on."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def evaluate(self, expression: str) -> Any:
        """Return what the expression, or its promise, gives.

        Raises RuntimeError with what was thrown.
        """
        answer = self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression}) ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] != "success":
            raise RuntimeError(f"{answer['exceptionDetails']['text']}, of: {expression}")
        return json.loads(answer["result"]["value"])

    def wait_for(self, expression: str, limit_s: float = 20.0) -> None:
        """Return when the expression is true. Raises TimeoutError with what it was."""
        end = time.monotonic() + limit_s
        while not (found := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"found {found} for {limit_s:g} s, expected: {expression}")
            time.sleep(_LOOK_PERIOD_S)

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=_ANSWER_LIMIT_S))
            if message["type"] == "event":
                self._note(message["params"])
            elif message.get("id") == number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
                return message["result"]

    def _note(self, entry: dict[str, Any]) -> None:
        if entry["type"] == "javascript" and entry["level"] == "error":
            self.errors.append(entry["text"])


@contextmanager
def firefox(executable: Path, profile: Path) -> Iterator[FirefoxPage]:
    """Yield an empty page; `profile` is an empty folder.

    Raises RuntimeError when it ended before it listened.
    """
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in _PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    command = [str(executable), "--headless", "--no-remote", "--profile", str(profile)]
    log = profile / "stderr.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen([*command, "--remote-debugging-port", "0"], stderr=stderr) as process,
    ):
        try:
            with connect(f"{_address(process, log)}/session", max_size=None) as connection:
                yield FirefoxPage(connection)
        finally:
            process.terminate()
            process.wait(timeout=_STOP_LIMIT_S)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _ANSWER_LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        if found := _LISTENING.search(log.read_text()):
            return found.group(1)
        time.sleep(_LOOK_PERIOD_S)
    raise RuntimeError(f"Firefox does not listen; it printed:\n{log.read_text()}")
