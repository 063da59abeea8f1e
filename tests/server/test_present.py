"""`likeness present` against the real server; model and voice are fakes."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from server import cli, command_line
from server.config import CallConfig
from server.present import PresentError, _read_script, present
from server.script import Line
from server.tts import SpeechError
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.listening import online
from tests.server.saying import queue, with_speech

LINES = [Line(text, 100) for text in ("One.", "Two.", "Three.", "Four.", "Five.")]


@dataclass
class Presented:
    running: Running
    http: httpx.AsyncClient
    told: list[str]

    async def run(self, avatar: str | None = None) -> None:
        await present(self.http, avatar, LINES, "tenor", self.told.append)


@contextlib.asynccontextmanager
async def presented(
    serve: Serve, max_sentences: int = 100, call: CallConfig = CONFIG.call
) -> AsyncIterator[Presented]:
    config = dataclasses.replace(with_speech(max_sentences=max_sentences), call=call)
    async with (
        serve(config) as running,
        online(running.server.app) as url,
        httpx.AsyncClient(base_url=url) as http,
    ):
        yield Presented(running, http, [])


async def test_a_script_is_said_to_its_end_and_told_line_by_line(serve: Serve) -> None:
    async with presented(serve) as at:
        await at.run()
        assert at.told == [f"[{i + 1}/5] {line.text}" for i, line in enumerate(LINES)]
        assert at.running.voice.asked == [(line.text, "tenor") for line in LINES]
        assert await queue(at.running) == []
        assert list(at.running.server.performances._live) == ["first"]


def test_a_mark_of_byte_order_is_not_spoken(tmp_path: Path) -> None:
    script = tmp_path / "script.md"
    script.write_bytes(b"\xef\xbb\xbf# Good evening.")
    assert [line.text for line in _read_script(script)] == ["Good evening."]


async def test_a_full_queue_is_waited_for(serve: Serve) -> None:
    async with presented(serve, max_sentences=1) as at:
        await present(at.http, "second", LINES[:2], None, at.told.append)
        assert len(at.told) == 2


async def test_cancelling_stops_the_avatar(serve: Serve) -> None:
    async with presented(serve) as at:
        at.running.voice.tone_ms = 20_000
        presenting = asyncio.create_task(at.run("first"))
        await at.running.voice.busy.wait()
        presenting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await presenting
        assert await queue(at.running) == []


async def test_who_is_stopped_by_another_says_so(serve: Serve) -> None:
    async with presented(serve) as at:
        at.running.voice.tone_ms = 20_000
        presenting = asyncio.create_task(at.run("first"))
        await at.running.voice.busy.wait()
        await at.running.http.delete("/v1/avatars/first/say")
        with pytest.raises(PresentError, match="somebody else stopped"):
            await presenting


async def test_who_is_stopped_by_a_pause_without_end_says_so(serve: Serve) -> None:
    async with presented(serve, call=dataclasses.replace(CONFIG.call, idle_timeout_s=1)) as at:
        at.running.voice.tone_ms = 20_000
        presenting = asyncio.create_task(at.run("first"))
        await at.running.voice.busy.wait()
        await at.running.http.put("/v1/avatars/first/say/pause", json={"paused": True})
        with pytest.raises(PresentError, match="the avatar was paused for 1 s"):
            await presenting


@pytest.mark.parametrize("failing", ["One.", "Three."])
async def test_a_voice_that_fails_ends_it(serve: Serve, failing: str) -> None:
    async with presented(serve) as at:
        at.running.voice.failures[failing] = SpeechError(
            HTTPStatus.BAD_GATEWAY, "speech-failed", "no such model"
        )
        with pytest.raises(PresentError, match="no such model"):
            await at.run("first")
        assert await queue(at.running) == []


async def test_an_unknown_avatar_is_told(serve: Serve) -> None:
    async with presented(serve) as at:
        with pytest.raises(PresentError, match="no avatar 'nobody'"):
            await at.run("nobody")


def test_the_command_says_what_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.md"
    assert cli.main(["present", str(script)]) == command_line.BAD_INPUT
    assert "cannot read" in capsys.readouterr().err
    script.write_text("```\n```")
    assert cli.main(["present", str(script)]) == command_line.BAD_INPUT
    assert "nothing to say" in capsys.readouterr().err
    script.write_bytes(b"\x9c\x00")
    assert cli.main(["present", str(script)]) == command_line.BAD_INPUT
    assert f"{script} is no text in UTF-8" in capsys.readouterr().err
    script.write_text("Hello.")
    assert (
        cli.main(["present", str(script), "--server", "localhost:8080"]) == command_line.BAD_INPUT
    )
    assert "expected http:// or https://" in capsys.readouterr().err
    none = str(tmp_path / "none.pem")
    assert cli.main(["present", str(script), "--certificate", none]) == command_line.BAD_INPUT
    assert f"cannot read --certificate {none}" in capsys.readouterr().err
    # Port 9 of this machine: nothing listens there.
    assert (
        cli.main(["present", str(script), "--server", "http://127.0.0.1:9"])
        == command_line.BAD_INPUT
    )
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("named", "given", "sent"),
    [
        ("", [], None),
        ("lk_kept", [], "Bearer lk_kept"),
        ("lk_kept", ["--key", "lk_given"], "Bearer lk_given"),
        ("", ["--key", "lk_given"], "Bearer lk_given"),
    ],
)
def test_the_key_need_not_be_on_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    given: list[str],
    sent: str | None,
) -> None:
    found: list[str | None] = []

    async def note(http: httpx.AsyncClient, *_: object) -> None:
        found.append(http.headers.get("Authorization"))

    script = tmp_path / "script.md"
    script.write_text("Hello.")
    monkeypatch.setenv("LIKENESS_KEY", named)
    monkeypatch.setattr("server.present.present", note)
    assert cli.main(["present", str(script), *given]) == 0
    assert found == [sent]
