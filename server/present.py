"""``likeness present``: an avatar of a running server speaks a script, sentence by sentence."""

import argparse
import asyncio
import json
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from server.script import Line, ScriptError, read

DEFAULT_SERVER = "http://localhost:8080"
_KEY_VARIABLE = "LIKENESS_KEY"
# So few wait on the server that stopping, or pausing, leaves little behind.
_AHEAD = 3
_TIMEOUT_S = 60.0
_FULL = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_MAX_TRIES = 20


class PresentError(Exception):
    """The script could not be presented to its end; says why and what to do."""


ERRORS = (PresentError,)


def add_options(present: argparse.ArgumentParser) -> None:
    """Give ``likeness present`` its options; it sets ``run``."""
    present.add_argument("script", type=Path, metavar="SCRIPT.md", help="what to say, Markdown")
    present.add_argument(
        "--server", default=DEFAULT_SERVER, metavar="URL", help=f"a running one ({DEFAULT_SERVER})"
    )
    present.add_argument("--avatar", metavar="NAME", help="who says it (the server's first)")
    present.add_argument(
        "--key",
        help="a key with the scope publish, for another machine's server; better in"
        f" ${_KEY_VARIABLE}: other users of this machine see command lines",
    )
    present.add_argument("--voice", metavar="NAME", help="of the voices that the server has")
    present.add_argument(
        "--certificate", type=Path, metavar="CERT.pem", help="trust this one, if it is self-signed"
    )
    present.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    lines = _read_script(options.script)
    try:
        trusted = ssl.create_default_context(cafile=options.certificate)
    except OSError as error:
        raise PresentError(f"cannot read --certificate {options.certificate}: {error}") from error
    if not options.server.startswith(("http://", "https://")):
        raise PresentError(
            f"--server {options.server}: expected http:// or https:// before the name"
        )
    key = options.key or os.environ.get(_KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def run() -> None:
        async with httpx.AsyncClient(
            base_url=options.server, headers=headers, timeout=_TIMEOUT_S, verify=trusted
        ) as http:
            await present(http, options.avatar, lines, options.voice, partial(print, flush=True))

    asyncio.run(run())
    return 0


def _read_script(path: Path) -> list[Line]:
    try:
        # Editors of Windows put a mark before what is UTF-8.
        return read(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PresentError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PresentError(f"{path} is no text in UTF-8: {error.reason}") from error
    except ScriptError as error:
        raise PresentError(f"{path}: {error}") from error


async def present(
    http: httpx.AsyncClient,
    avatar: str | None,
    lines: list[Line],
    voice: str | None,
    tell: Callable[[str], None],
) -> None:
    """Let ``avatar`` (None: the first) say ``lines``, and ``tell`` each as it begins.

    Returns when the last was heard. Cancelled, it stops the avatar. Raises PresentError.
    """
    try:
        if avatar is None:
            avatar = (await _checked(await http.get("/v1/portraits"))).json()[0]["id"]
        await _Presentation(http, f"/v1/avatars/{avatar}", lines, voice, tell).run()
    except httpx.ConnectError as error:
        raise PresentError(
            f"{http.base_url} cannot be reached ({error}): start it with `likeness serve`, or name"
            " another with --server; a self-signed one needs --certificate"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PresentError(
            f"{http.base_url} broke off ({type(error).__name__}): see its log. If it serves HTTPS,"
            " name it with --server https://..., and its certificate with --certificate"
        ) from error


class _Presentation:
    def __init__(
        self,
        http: httpx.AsyncClient,
        path: str,
        lines: list[Line],
        voice: str | None,
        tell: Callable[[str], None],
    ) -> None:
        self._http = http
        self._path = path
        self._lines = lines
        self._voice = voice
        self._tell = tell
        self._waiting: dict[str, int] = {}
        self._unsaid = deque(enumerate(lines))

    async def run(self) -> None:
        finished = False
        try:
            async with self._http.stream(
                "GET", f"{self._path}/events", timeout=httpx.Timeout(_TIMEOUT_S)
            ) as events:
                await _checked(events)
                async for kind, data in _events(events):
                    self._take(kind, data)
                    while self._unsaid and len(self._waiting) < _AHEAD:
                        await self._say(*self._unsaid.popleft())
                    if not self._waiting:
                        finished = True
                        return
            raise PresentError("the server ended the events: it stops, or this was too slow")
        finally:
            if not finished:
                await self._stop()

    async def _stop(self) -> None:
        # What has failed already is told; that this fails too then, would hide it.
        try:
            await self._http.delete(f"{self._path}/say")
        except httpx.HTTPError:
            self._tell("(the server could not be asked to stop)")

    async def _say(self, number: int, line: Line) -> None:
        wish = {"text": line.text, "pause_ms": line.pause_ms}
        if self._voice is not None:
            wish["voice"] = self._voice
        for _ in range(_MAX_TRIES):
            response = await self._http.post(f"{self._path}/say", json=wish)
            wait_s = response.headers.get("Retry-After", "")
            if response.status_code not in _FULL or not wait_s.isdigit():
                break
            await asyncio.sleep(int(wait_s))
        for sentence in (await _checked(response)).json()["sentences"]:
            self._waiting[sentence["id"]] = number

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "stopped" and self._waiting:
            raise PresentError(f"nothing more is said: {data['detail']}")
        number = self._waiting.get(data.get("id", ""))
        if number is None:
            return
        if kind == "started":
            self._tell(f"[{number + 1}/{len(self._lines)}] {self._lines[number].text}")
        elif kind == "failed":
            raise PresentError(f"{self._lines[number].text!r} was not said: {data['detail']}")
        elif kind == "ended":
            del self._waiting[data["id"]]
            if data["interrupted"]:
                raise PresentError("somebody else stopped the avatar: nothing more is said")


async def _events(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    kind = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


async def _checked(response: httpx.Response) -> httpx.Response:
    """Return it if it went well; else raise PresentError with the server's words."""
    if response.is_success:
        return response
    await response.aread()
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "expected a Likeness server"
    raise PresentError(f"{response.url} answered {response.status_code}: {detail}")
